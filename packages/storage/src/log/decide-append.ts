import { equalConstantTime } from "@piccolo/bytes";
import type { LogHead } from "./head.ts";

/** What a witness keeps of one owner's log. Entries are a chain without gaps. */
export interface HeldLog {
  /** Newest entry; undefined = none. */
  readonly newest: { readonly head: LogHead; readonly hash: Uint8Array } | undefined;
  /** Sequence of the oldest entry kept. */
  readonly first: number;
  /** Highest device epoch this witness has heard of, from heads or askers; 0 = none. */
  readonly deviceEpoch: number;
  readonly usedBytes: number;
}

/** What the witness knows besides its log. */
export interface AppendContext {
  readonly network: Uint8Array;
  /** Who asks, by the channel and the membership log. */
  readonly asker: { readonly account: Uint8Array; readonly deviceEpoch: number };
  readonly quotaBytes: number;
  /** Hash of the kept entry with this sequence. */
  readonly hashAt: (sequence: number) => Uint8Array | undefined;
  /** The head's signature fits the device its epoch names, and its sealed bytes are those that came. */
  readonly isAuthentic: boolean;
}

export type AppendRefusal =
  | "not-yours"
  | "wrong-network"
  | "unauthentic"
  | "fenced"
  | "log-gap"
  | "log-fork"
  | "contradiction"
  | "full";

export type AppendDecision =
  /** Keep the entry; entries kept before with a sequence below `dropBefore` or from `dropFrom` on go. */
  | { readonly type: "accept"; readonly dropBefore: number; readonly dropFrom: number }
  | { readonly type: "already-have" }
  | { readonly type: "refuse"; readonly why: AppendRefusal; readonly have: number };

/** Whether a witness keeps an entry (docs/spec/metadata-log.md section 4). Pure. */
export function decideAppend(
  held: HeldLog,
  entry: { readonly head: LogHead; readonly hash: Uint8Array },
  context: AppendContext,
): AppendDecision {
  const { head } = entry;
  const have = held.newest?.head.sequence ?? 0;
  const refuse = (why: AppendRefusal): AppendDecision => ({ type: "refuse", why, have });
  if (!equalConstantTime(head.account, context.asker.account)) return refuse("not-yours");
  if (!equalConstantTime(head.network, context.network)) return refuse("wrong-network");
  if (context.asker.deviceEpoch < held.deviceEpoch) return refuse("fenced");
  if (head.deviceEpoch > context.asker.deviceEpoch || !context.isAuthentic) return refuse("unauthentic");
  const place = placeOf(held, entry, context.hashAt);
  if (typeof place === "string") return place === "already-have" ? { type: "already-have" } : refuse(place);
  const freed = head.kind === "checkpoint" ? held.usedBytes : 0;
  if (held.usedBytes - freed + head.sealedBytes > context.quotaBytes) return refuse("full");
  return {
    type: "accept",
    dropBefore: head.kind === "checkpoint" ? head.sequence : 0,
    dropFrom: place.dropFrom,
  };
}

function placeOf(
  { newest, first }: HeldLog,
  { head, hash }: { readonly head: LogHead; readonly hash: Uint8Array },
  hashAt: AppendContext["hashAt"],
): "already-have" | "log-gap" | "log-fork" | "contradiction" | { readonly dropFrom: number } {
  const { sequence } = head;
  const next = (newest?.head.sequence ?? 0) + 1;
  if (newest === undefined) return sequence === 1 || head.kind === "checkpoint" ? { dropFrom: sequence } : "log-gap";
  // A replacement has asked a quorum before its first entry, so what it does not continue was never acknowledged.
  const isLater = head.deviceEpoch > newest.head.deviceEpoch;
  // Of its own branch none is superfluous because of a checkpoint on the branch that it left.
  if (sequence < first && !isLater) return "already-have";
  const there = hashAt(sequence);
  if (there !== undefined && equalConstantTime(there, hash)) return "already-have";
  if (sequence < next && !isLater) return "log-fork";
  if (head.deviceEpoch < newest.head.deviceEpoch) return "log-fork";
  if (sequence > next) return head.kind === "checkpoint" ? { dropFrom: next } : "log-gap";
  const previous = hashAt(sequence - 1);
  const follows = previous !== undefined && equalConstantTime(previous, head.previousHash);
  if (!follows) {
    if (!isLater) return "log-fork";
    // Its chain left the one kept here further back: it sends the entries from there on, or a checkpoint.
    return head.kind === "checkpoint" || sequence === 1 ? { dropFrom: Math.min(first, sequence) } : "log-gap";
  }
  if (head.kind === "delta" && head.checkpoint !== newest.head.checkpoint) return "contradiction";
  return { dropFrom: sequence };
}
