import { ChevronDown } from "lucide-react";
import type { ReactNode } from "react";

/** What most people on the page do not need. */
export function Fold({ title, children }: { title: string; children: ReactNode }) {
  return (
    <details className="group rounded-xl border border-line bg-surface">
      <summary className="flex min-h-12 list-none items-center justify-between gap-3 rounded-xl px-4 font-medium">
        {title}
        <ChevronDown aria-hidden="true" className="size-4 text-ink-soft transition-transform group-open:rotate-180" />
      </summary>
      <div className="px-4 pt-1 pb-4">{children}</div>
    </details>
  );
}
