/**
 * A command written as one text, split as a POSIX shell would split it into words; nothing is expanded. Undefined for a
 * quote that does not end.
 */
export function splitCommand(text: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote: "'" | '"' | undefined;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (quote === "'") {
      if (character === "'") quote = undefined;
      else word = (word ?? "") + character;
    } else if (character === "\\") {
      const next = text.charAt(at + 1);
      if (next === "") return undefined;
      at += 1;
      // Within double quotes a backslash escapes only these; before others it stands for itself.
      const keeps = quote === '"' && !/["\\$`\n]/.test(next);
      if (next !== "\n") word = (word ?? "") + (keeps ? `\\${next}` : next);
    } else if (quote === '"') {
      if (character === '"') quote = undefined;
      else word = (word ?? "") + character;
    } else if (character === "'" || character === '"') {
      quote = character;
      word ??= "";
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + character;
  }
  if (quote !== undefined) return undefined;
  if (word !== undefined) words.push(word);
  return words;
}
