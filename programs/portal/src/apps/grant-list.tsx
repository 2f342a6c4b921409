import { Globe, UserRoundX } from "lucide-react";
import { Switch } from "../design/switch.tsx";
import type { Grant } from "./queries.ts";
import { grantInWords, inLanguage } from "./words.ts";

/** What an app asks for, why it says it needs it, and what agreeing means; nothing is agreed to by itself. */
export function GrantList({
  grants,
  agreed,
  onChange,
}: {
  grants: readonly Grant[];
  agreed: ReadonlySet<Grant["kind"]>;
  onChange: (kind: Grant["kind"], on: boolean) => void;
}) {
  return (
    <ul className="flex flex-col gap-3">
      {grants.map((grant) => {
        const { title, meaning } = grantInWords(grant);
        const Icon = grant.kind === "internet" ? Globe : UserRoundX;
        return (
          <li key={grant.kind} className="flex items-start gap-3 rounded-xl border border-line px-3.5 py-3">
            <Icon aria-hidden="true" className="mt-0.5 size-5 shrink-0 text-ink-soft" />
            <div className="min-w-0 grow">
              <p className="font-medium">{title}</p>
              <p className="text-sm">{inLanguage(grant.reason, navigator.languages)}</p>
              <p className="mt-1 text-sm text-ink-soft">
                {meaning} {grant.required ? "The app does not work without it." : "You can leave it off."}
              </p>
            </div>
            <Switch
              name={`Allow: ${title}`}
              checked={agreed.has(grant.kind)}
              onChange={(on) => onChange(grant.kind, on)}
            />
          </li>
        );
      })}
    </ul>
  );
}

export function toggled<T>(set: ReadonlySet<T>, member: T, on: boolean): ReadonlySet<T> {
  const next = new Set(set);
  if (on) next.add(member);
  else next.delete(member);
  return next;
}
