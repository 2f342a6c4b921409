/** What is wrong with a manifest or a definition, each with its place, reason and advice. */
import type { Preflight } from "./queries.ts";

export function ManifestProblems({ problems }: { problems: Preflight["problems"] }) {
  return (
    <ul className="flex flex-col gap-3">
      {problems.map(({ code, path, line, reason, advice }) => (
        <li key={`${path} ${code} ${reason}`} className="text-sm">
          <p className="font-mono text-xs text-ink-soft [overflow-wrap:anywhere]">
            {line === undefined ? "" : `line ${line} · `}
            {path === "" ? "/" : path}
          </p>
          <p className="[overflow-wrap:anywhere]">{reason}</p>
          <p className="text-ink-soft">{advice}</p>
        </li>
      ))}
    </ul>
  );
}
