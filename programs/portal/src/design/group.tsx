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

export function Row({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex min-h-14 flex-wrap items-center justify-between gap-x-4 gap-y-1 border-b border-line py-2 last:border-none">
      <span className="text-ink-soft">{name}</span>
      <div className="min-w-0 [overflow-wrap:anywhere] sm:text-right">{children}</div>
    </div>
  );
}
