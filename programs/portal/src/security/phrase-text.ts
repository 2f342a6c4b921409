/**
 * A recovery phrase as a person types or pastes it. Only the device knows the list of words and says which one is
 * misspelt; here the text is cut into words, so that both count alike.
 */
import { DeviceRefusal } from "@piccolo/device-api/client";

export const phraseWords = 24;

/** No word of the list has a digit or a hyphen, so numbers of a printed list and whatever separates words fall away. */
export function wordsOf(text: string): readonly string[] {
  return text
    .normalize("NFKD")
    .replaceAll(/[\p{M}\u00AD]/gu, "")
    .toLowerCase()
    .split(/[^\p{L}]+/u)
    .filter((word) => word !== "");
}

export function countInWords(count: number): string {
  if (count === 0) return `${phraseWords} words, in their order. The first four letters of each are enough.`;
  if (count < phraseWords) return `${count} of ${phraseWords} words`;
  if (count === phraseWords) return `All ${phraseWords} words are there.`;
  const extra = count - phraseWords;
  return `${extra} ${extra === 1 ? "word" : "words"} too many`;
}

/** By position from 1: what the device suggests for a word it does not know. */
export type Misspelt = ReadonlyMap<number, readonly string[]>;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

/** Which words the device could not read, from its refusal; none where it refused for another reason. */
export function misspeltOf(error: unknown): Misspelt {
  if (!(error instanceof DeviceRefusal) || error.problem.code !== "phrase-misspelt") return new Map();
  const { positions, words } = error.problem.details ?? {};
  const found = new Map<number, readonly string[]>();
  for (const position of Array.isArray(positions) ? (positions as unknown[]) : [])
    if (typeof position === "number") found.set(position, []);
  for (const word of Array.isArray(words) ? (words as unknown[]) : []) {
    if (!isRecord(word) || typeof word["position"] !== "number") continue;
    const suggestions: readonly unknown[] = Array.isArray(word["suggestions"]) ? word["suggestions"] : [];
    found.set(
      word["position"],
      suggestions.filter((suggestion) => typeof suggestion === "string"),
    );
  }
  return found;
}

/** What is left of them once words were changed: a corrected word is no longer marked. */
export function stillMisspelt(misspelt: Misspelt, refused: readonly string[], words: readonly string[]): Misspelt {
  return new Map([...misspelt].filter(([position]) => words[position - 1] === refused[position - 1]));
}

/** The text with the word at `position` (from 1) replaced. */
export function withWord(text: string, position: number, word: string): string {
  return wordsOf(text)
    .map((typed, index) => (index === position - 1 ? word : typed))
    .join(" ");
}
