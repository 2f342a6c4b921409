import { equalConstantTime, toHex } from "@piccolo/bytes";
import type { SignedHead } from "./head.ts";
import type { Quorum } from "./quorum.ts";

/** What one witness said when it was asked for the newest head; heads are already checked by their signatures. */
export type HeadAnswer =
  | { readonly type: "head"; readonly witness: string; readonly newest: SignedHead; readonly first: number }
  | { readonly type: "nothing"; readonly witness: string }
  /** It says that another device has replaced the asker. */
  | { readonly type: "fenced"; readonly witness: string };

/** A head, checked by its signature like those of witnesses, from somebody who is none and whose silence proves nothing. */
export interface CopiedHead {
  readonly type: "copy";
  readonly newest: SignedHead;
}

export interface OwnPosition {
  readonly sequence: number;
  readonly hash: Uint8Array;
  readonly deviceEpoch: number;
  /** Hash of an own entry; undefined where it is forgotten or was never made. */
  readonly hashAt: (sequence: number) => Uint8Array | undefined;
}

export type OwnHeadDecision =
  /** Nobody knows more than this device. */
  | { readonly type: "in-step" }
  /** A witness has a later head; whether its chain continues the own one shows when its entries are read. */
  | { readonly type: "behind"; readonly target: SignedHead; readonly from: readonly string[] }
  | { readonly type: "forked"; readonly other: SignedHead }
  | { readonly type: "fenced" }
  | { readonly type: "not-enough-answers"; readonly answered: number; readonly needed: number };

/** Later in the sense of replacements first: a higher device epoch outweighs any number of entries. */
export function isLater(a: SignedHead["head"], b: SignedHead["head"]): boolean {
  if (a.deviceEpoch !== b.deviceEpoch) return a.deviceEpoch > b.deviceEpoch;
  return a.sequence > b.sequence;
}

/**
 * Whether a device may go on with its log after a start (docs/spec/metadata-log.md section 5). `deviceEpoch` is the
 * asking device's own. One signed head proves a fork or that the device is behind, whoever shows it; that there is
 * nothing later takes a quorum, and that the device is fenced more witnesses than may lie.
 */
export function decideOwnHead(
  own: OwnPosition,
  deviceEpoch: number,
  answers: readonly HeadAnswer[],
  { quorum, faulty }: Quorum,
): OwnHeadDecision {
  const heads = answers.filter((answer) => answer.type === "head");
  if (heads.some(({ newest }) => newest.head.deviceEpoch > deviceEpoch)) return { type: "fenced" };
  if (answers.filter(({ type }) => type === "fenced").length > faulty) return { type: "fenced" };
  // What a replaced device left unacknowledged at single witnesses is no fork of the log that went on without it.
  const current = heads.filter(({ newest }) => newest.head.deviceEpoch >= own.deviceEpoch);
  for (const { newest } of current) {
    const ours = newest.head.sequence === own.sequence ? own.hash : own.hashAt(newest.head.sequence);
    if (ours !== undefined && !equalConstantTime(ours, newest.hash)) return { type: "forked", other: newest };
  }
  const later = current.filter(({ newest }) => newest.head.sequence > own.sequence);
  const [target] = later.map(({ newest }) => newest).sort((a, b) => (isLater(a.head, b.head) ? -1 : 1));
  if (target !== undefined) {
    const name = toHex(target.hash);
    const from = later.filter(({ newest }) => toHex(newest.hash) === name).map(({ witness }) => witness);
    return { type: "behind", target, from };
  }
  const answered = answers.filter(({ type }) => type !== "fenced").length;
  if (answered < quorum) return { type: "not-enough-answers", answered, needed: quorum };
  return { type: "in-step" };
}

export interface RecoveryCandidate {
  readonly newest: SignedHead;
  /** Which witnesses have it; none where it was copied from elsewhere alone. */
  readonly from: readonly string[];
}

export interface RecoveryDecision {
  /** Best first. Empty: nobody has anything. */
  readonly candidates: readonly RecoveryCandidate[];
  /** Two different heads claim the first place: the device key signed twice. */
  readonly forked: boolean;
  /** Fewer than a quorum of a witness set answered: what is found may be stale, and frees nothing until accepted. */
  readonly mayBeStale: boolean;
  /** How many more witnesses have to answer until it is not; 0 = enough. */
  readonly missing: number;
}

/**
 * What a device that has nothing takes for the newest head: the latest valid one, even if one witness alone has it.
 * `sets` are the witness sets that have to be asked, by account (hex): that of the newest membership log known, and
 * that which the best head names.
 */
export function decideRecovery(
  answers: readonly (HeadAnswer | CopiedHead)[],
  sets: readonly { readonly witnesses: readonly string[]; readonly quorum: Quorum }[],
): RecoveryDecision {
  const byHash = new Map<string, { newest: SignedHead; from: string[] }>();
  for (const answer of answers) {
    if (answer.type !== "head" && answer.type !== "copy") continue;
    const candidate = byHash.get(toHex(answer.newest.hash)) ?? { newest: answer.newest, from: [] };
    if (answer.type === "head") candidate.from.push(answer.witness);
    byHash.set(toHex(answer.newest.hash), candidate);
  }
  const candidates = [...byHash.values()].sort((a, b) => {
    if (isLater(a.newest.head, b.newest.head)) return -1;
    if (isLater(b.newest.head, a.newest.head)) return 1;
    return b.from.length - a.from.length;
  });
  const [best, second] = candidates;
  const forked = best !== undefined && second !== undefined && !isLater(best.newest.head, second.newest.head);
  const answered = new Set(
    answers.flatMap((answer) => (answer.type === "head" || answer.type === "nothing" ? [answer.witness] : [])),
  );
  const lacking = sets.map(
    ({ witnesses, quorum }) => quorum.quorum - witnesses.filter((witness) => answered.has(witness)).length,
  );
  const missing = Math.max(0, ...lacking);
  return { candidates, forked, mayBeStale: missing > 0, missing };
}
