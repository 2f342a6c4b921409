import { ChevronDown } from "lucide-react";
import { usePlacement, type NetworkView, type Node, type Placement } from "../api/queries.ts";
import { ProblemNote, Skeleton } from "../design/notes.tsx";
import { Ring } from "../design/ring.tsx";
import { bytesInWords } from "../wording/bytes.ts";
import { ninesAsPercent, yearlyLossInWords } from "../wording/durability.ts";
import { NodeIcon } from "./node-icon.tsx";
import { holdersOf, whereInWords } from "./where-words.ts";

const tones = { calm: "text-ink", warn: "text-warn", danger: "text-danger" } as const;

export function WhereItLives({ node, network }: { node: Node; network: NetworkView }) {
  const placement = usePlacement(node.id, node.kind === "file");
  if (placement.data === undefined)
    return placement.isError ? (
      <ProblemNote error={placement.error} onRetry={() => void placement.refetch()} />
    ) : (
      <div role="status" aria-label="Loading" className="flex flex-col gap-3">
        <Skeleton className="h-5 w-3/4" />
        <Skeleton className="h-4 w-1/2" />
      </div>
    );
  const holders = holdersOf(placement.data);
  const words = whereInWords(placement.data, network.spool.reason);
  return (
    <div className="flex flex-col gap-4">
      <div className="flex items-center gap-4">
        <Ring
          className="size-20"
          dots={
            holders.length === 0
              ? Array.from({ length: Math.max(3, placement.data.n) }, () => "empty" as const)
              : holders.map(({ online }) => (online ? "here" : "away"))
          }
        >
          <NodeIcon node={node} className="size-6" />
        </Ring>
        <div aria-live="polite" className="min-w-0">
          <p className={`text-[1.0625rem] leading-snug font-medium ${tones[words.tone]}`}>{words.lead}</p>
          {words.more === undefined ? null : <p className="mt-1 text-sm text-ink-soft">{words.more}</p>}
        </div>
      </div>
      {holders.length === 0 ? null : <Holders placement={placement.data} />}
      <Numbers placement={placement.data} />
    </div>
  );
}

function Holders({ placement }: { placement: Placement }) {
  return (
    <ul aria-label="Devices that store it" className="flex flex-col">
      {holdersOf(placement).map((holder) => (
        <li
          key={holder.account}
          className="flex min-h-10 items-center gap-3 border-b border-line text-[0.9375rem] last:border-none"
        >
          <span
            aria-hidden="true"
            className={`size-2 shrink-0 rounded-full ${holder.online ? "bg-accent" : "border border-ink-faint"}`}
          />
          <span className="min-w-0 grow truncate">{holder.name}</span>
          <span className="text-sm text-ink-soft">{holder.online ? "online" : "away"}</span>
          <span
            title={`${holder.fragments} ${holder.fragments === 1 ? "piece" : "pieces"}`}
            className="w-20 text-right text-sm text-ink-soft tabular-nums"
          >
            {bytesInWords(holder.bytes)}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Numbers({ placement }: { placement: Placement }) {
  if (placement.n === 0) return null;
  const rows: readonly (readonly [string, string])[] = [
    ["Kept for a year with", ninesAsPercent(placement.ninesPerYear)],
    ["Chance of loss in a year", `about ${yearlyLossInWords(placement.ninesPerYear)}`],
    ["Pieces needed", `any ${placement.k} of ${placement.n}`],
    ["Space it takes in all", `${Math.round(placement.expansion * 100) / 100} × its size`],
    ["Segments", String(placement.segments)],
    ["Waiting on this device", bytesInWords(placement.pendingBytes)],
  ];
  return (
    <details className="group rounded-xl border border-line">
      <summary className="flex min-h-11 list-none items-center justify-between rounded-xl px-4 text-sm font-medium text-ink-soft">
        In numbers
        <ChevronDown aria-hidden="true" className="size-4 transition-transform group-open:rotate-180" />
      </summary>
      <dl className="flex flex-col gap-2 px-4 pt-1 pb-4 text-sm">
        {rows.map(([name, value]) => (
          <div key={name} className="flex justify-between gap-4">
            <dt className="text-ink-soft">{name}</dt>
            <dd className="text-right tabular-nums">{value}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
