/** The words of a phrase, numbered in columns. */
export function PhraseList({ words }: { words: readonly string[] }) {
  return (
    <ol
      aria-label="Recovery phrase"
      translate="no"
      className="grid grid-flow-col grid-cols-2 grid-rows-12 gap-x-6 rounded-2xl border border-line bg-surface px-4 py-2 shadow-soft sm:grid-cols-3 sm:grid-rows-8 sm:px-5"
    >
      {words.map((word, index) => (
        <li
          // A word may come twice: the position is what it is.
          key={`${index}-${word}`}
          className="flex min-h-9 items-center gap-2.5 border-b border-line nth-[12n]:border-none sm:min-h-10 sm:nth-[12n]:border-solid sm:nth-[8n]:border-none"
        >
          <span className="w-5 shrink-0 text-right text-sm text-ink-faint tabular-nums">{index + 1}</span>
          <span className="font-medium">{word}</span>
        </li>
      ))}
    </ol>
  );
}
