/**
 * Where a phrase is typed: one box, because phones, pasting and reading from paper all do well with it. What was
 * understood is shown below with its numbers, and misspelt words with what the device suggests.
 */
import { useState } from "react";
import { TextArea } from "../design/field.tsx";
import { countInWords, misspeltOf, phraseWords, stillMisspelt, withWord, wordsOf } from "./phrase-text.ts";
import { secretInput } from "./secret-input.ts";

export function PhraseEntry({
  text,
  onChange,
  error,
  autoFocus = false,
}: {
  text: string;
  onChange: (text: string) => void;
  /** The refusal of what was sent last, if it was refused. */
  error: unknown;
  autoFocus?: boolean;
}) {
  const words = wordsOf(text);
  const [refused, setRefused] = useState<{ readonly error: unknown; readonly words: readonly string[] }>();
  if (refused?.error !== error) setRefused({ error, words });
  const misspelt = stillMisspelt(misspeltOf(error), refused?.words ?? [], words);
  const wrong = [...misspelt].filter(([position]) => position <= words.length);
  return (
    <div className="flex flex-col gap-3">
      <TextArea
        {...secretInput}
        label="Recovery phrase"
        name="phrase-words"
        hint={countInWords(words.length)}
        error={wrong.length === 0 ? undefined : misspeltInWords(wrong.length)}
        required
        maxLength={1024}
        rows={5}
        autoFocus={autoFocus}
        value={text}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
      {wrong.length === 0 ? null : (
        <ul className="flex flex-col gap-2">
          {wrong.map(([position, suggestions]) => (
            <li
              key={position}
              className="flex flex-wrap items-center gap-x-3 gap-y-1 rounded-xl bg-danger-soft px-4 py-2"
            >
              <span translate="no" className="text-sm text-danger">
                {position}. <strong className="font-semibold">{words[position - 1]}</strong>
              </span>
              <span className="flex flex-wrap items-center gap-1.5 text-sm text-ink-soft">
                {suggestions.length === 0 ? "Look at this word again." : "Do you mean"}
                {suggestions.map((suggestion) => (
                  <button
                    key={suggestion}
                    type="button"
                    translate="no"
                    onClick={() => onChange(withWord(text, position, suggestion))}
                    className="min-h-11 rounded-lg border border-line-strong bg-surface px-3 font-medium text-ink hover:bg-sunken md:min-h-9 pointer-coarse:min-h-11"
                  >
                    {suggestion}
                  </button>
                ))}
              </span>
            </li>
          ))}
        </ul>
      )}
      {words.length === 0 ? null : (
        <ol
          aria-label="Words as they were understood"
          translate="no"
          className="grid grid-cols-3 gap-x-4 gap-y-0.5 rounded-xl bg-sunken px-3 py-2.5 text-sm"
        >
          {words.slice(0, phraseWords).map((word, index) => (
            <li
              // The position is the word's place.
              key={`${index}-${word}`}
              className={`flex min-w-0 gap-1.5 ${misspelt.has(index + 1) ? "font-semibold text-danger" : "text-ink-soft"}`}
            >
              <span className="w-5 shrink-0 text-right text-ink-faint tabular-nums">{index + 1}</span>
              <span className="truncate">{word}</span>
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}

const misspeltInWords = (count: number): string =>
  count === 1 ? "One word is not in the list of words." : `${count} words are not in the list of words.`;
