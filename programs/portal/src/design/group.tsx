/** What belongs together, as a titled card with a row for each fact. */
import type { ReactNode } from "react";

export function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="flex flex-col gap-2">
      <h2 className="text-sm font-semibold text-ink-soft">{title}</h2>
      <div className="rounded-2xl border border-line bg-surface px-4 shadow-soft sm:px-5">{children}</div>
    </section>
  );
}

/** `note`: what is to be said of it beside its name. */
export function Row({ name, note, children }: { name: string; note?: string | undefined; children: ReactNode }) {
  return (
    <div className="flex min-h-14 flex-wrap items-center justify-between gap-x-4 gap-y-1 border-b border-line py-2 last:border-none">
      {note === undefined ? (
        <span className="text-ink-soft">{name}</span>
      ) : (
        <span className="flex min-w-0 flex-col text-ink-soft">
          <span>{name}</span>
          <span className="text-sm first-letter:uppercase">{note}</span>
        </span>
      )}
      <div className="min-w-0 [overflow-wrap:anywhere] sm:text-right">{children}</div>
    </div>
  );
}
