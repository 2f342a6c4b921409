import assert from "node:assert/strict";
import { toHex } from "@piccolo/bytes";
import type { Member, NetworkState } from "@piccolo/membership";
import { mostWitnesses } from "./format.ts";

/** How many of M witnesses may lie or be lost, and how many make a quorum. */
export interface Quorum {
  /** Witnesses there are (M). */
  readonly witnesses: number;
  /** f = floor((M-1)/3). */
  readonly faulty: number;
  /** q = ceil((M+f+1)/2): two quorums share at least f+1 witnesses, and M-f can make one. */
  readonly quorum: number;
}

export function quorumOf(witnesses: number): Quorum {
  assert.ok(Number.isInteger(witnesses) && witnesses >= 0 && witnesses <= mostWitnesses);
  if (witnesses === 0) return { witnesses, faulty: 0, quorum: 0 };
  const faulty = Math.floor((witnesses - 1) / 3);
  return { witnesses, faulty, quorum: Math.ceil((witnesses + faulty + 1) / 2) };
}

/** Who witnesses this owner's log: the other members in order of joining, at most the first twelve. */
export function witnessesOf(state: NetworkState, account: Uint8Array): readonly Member[] {
  const own = toHex(account);
  return Array.from(state.members)
    .filter(([member]) => member !== own)
    .slice(0, mostWitnesses)
    .map(([, member]) => member);
}

/** The highest sequence that a quorum has, from what each witness has; 0 where there is none. */
export function witnessedSequence(sequences: readonly number[], { quorum }: Quorum): number {
  if (quorum === 0) return Number.MAX_SAFE_INTEGER;
  return sequences.toSorted((a, b) => b - a)[quorum - 1] ?? 0;
}
