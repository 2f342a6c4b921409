/** What a recovering device takes for true of what it was told; pure. */
import { equalConstantTime, fromHex, toHex } from "@piccolo/bytes";
import type { OwnerKeys } from "@piccolo/envelope";
import type { NetworkState } from "@piccolo/membership";
import { quorumOf, type RecoveryDecision, witnessesOf } from "@piccolo/storage/log";
import type { FoundMembership } from "@piccolo/storage/recover";
import type { Staleness } from "./types.ts";

export interface FoundSlot {
  readonly bytes: Uint8Array;
  readonly number: number;
}

/** The one with the highest number, whoever gave it: an older one may be put back by whoever keeps slots. */
export function newestSlot(found: readonly FoundSlot[]): FoundSlot | undefined {
  return found.reduce<FoundSlot | undefined>(
    (best, slot) => (best === undefined || slot.number > best.number ? slot : best),
    undefined,
  );
}

/** Why no slot was found: somebody looked and had none, or nobody was there to look. */
export function slotFault(answered: number): "phrase-unknown" | "no-members-reachable" {
  return answered > 0 ? "phrase-unknown" : "no-members-reachable";
}

/**
 * The longest log that has this owner as a member, of those that know one of the owner's keys if there are any: nobody else
 * can enter a newer one, and a log from before the newest may have been made longer since by another member. `networks`
 * (hex) are those the owner's own slot or sheet names: a log of another network counts only where they name none, since
 * nobody but the owner can have made them a member of it.
 */
export function longestMembership<Log extends FoundMembership>(
  logs: readonly Log[],
  keys: readonly OwnerKeys[],
  networks: readonly string[],
): Log | undefined {
  const [newest] = keys;
  if (newest === undefined) return undefined;
  const { account } = newest;
  const own = logs
    .filter(({ state }) => networks.length === 0 || networks.includes(toHex(state.networkId)))
    .filter(({ state }) => state.memberByAccount(account) !== undefined);
  const known = own.filter(({ state }) => typeof keysByLog(state, account, keys) === "object");
  return (known.length > 0 ? known : own).reduce<Log | undefined>(
    (best, log) => (best === undefined || log.entries.length > best.entries.length ? log : best),
    undefined,
  );
}

/** A log, and the device key (hex) or central's origin that it came from. */
export interface GivenLog extends FoundMembership {
  readonly giver: string;
}

/** What members contradicted: whoever gave such a log or took an entry behind it, and the heads (hex) of such logs. */
export interface Doubts {
  readonly givers: ReadonlySet<string>;
  readonly heads: ReadonlySet<string>;
}

/** Once there are doubts only a member's or a central's word is taken: there is no end to devices that are nobody's. */
export function isBeyondDoubt(
  { giver, state }: GivenLog,
  { givers, heads }: Doubts,
  centrals: readonly string[],
): boolean {
  if (givers.size + heads.size === 0) return true;
  if (givers.has(giver) || heads.has(toHex(state.headHash))) return false;
  return centrals.includes(giver) || state.memberByDeviceKey(fromHex(giver)) !== undefined;
}

/**
 * Device keys (hex) of those who have the new device's entry now, of those who said that theirs is another log, and of
 * those who are there and say neither: the entry is ahead of their clock, or they have no room to look.
 */
export interface EntryAnswers {
  readonly took: readonly string[];
  readonly refused: readonly string[];
  readonly undecided: readonly string[];
}

export interface PlaceVerdict {
  /** By a quorum of the witnesses, or by more than did not while no more refused it than may lie. */
  readonly isTaken: boolean;
  /** Of the log's witnesses. */
  readonly took: number;
  readonly refused: number;
  readonly undecided: number;
}

export function judgePlace(state: NetworkState, account: Uint8Array, answers: EntryAnswers): PlaceVerdict {
  const witnesses = witnessesOf(state, account).map(({ deviceKey }) => toHex(deviceKey));
  const { faulty, quorum } = quorumOf(witnesses.length);
  const among = (keys: readonly string[]): number => witnesses.filter((witness) => keys.includes(witness)).length;
  const [took, refused, undecided] = [among(answers.took), among(answers.refused), among(answers.undecided)];
  const isTaken = took > 0 && (took >= quorum || (took > refused + undecided && refused <= faulty));
  return { isTaken, took, refused, undecided };
}

/** The keys of the epoch that the log knows; undefined where it knows a newer key, or one that is not held any more. */
export function keysByLog(
  state: NetworkState,
  account: Uint8Array,
  held: readonly OwnerKeys[],
): OwnerKeys | "newer-key" | undefined {
  const member = state.memberByAccount(account);
  if (member === undefined) return undefined;
  const keys = held.find(({ ownerPublicKey }) => equalConstantTime(ownerPublicKey, member.ownerPublicKey));
  if (keys !== undefined) return keys;
  return held.every(({ epoch }) => epoch < member.keyEpoch) ? "newer-key" : undefined;
}

export type DeviceDecision =
  /** The log names this device already: an earlier try got so far. */
  | { readonly do: "keep"; readonly deviceEpoch: number }
  | { readonly do: "replace"; readonly deviceEpoch: number }
  /** This device was the owner's, or another's, before: its key serves no second time. */
  | { readonly do: "refuse" };

export function decideDevice(state: NetworkState, account: Uint8Array, deviceKey: Uint8Array): DeviceDecision {
  const last = state.devices.get(toHex(account));
  if (last !== undefined && equalConstantTime(last.deviceKey, deviceKey)) {
    return { do: "keep", deviceEpoch: last.deviceEpoch };
  }
  if (state.usedDeviceKeys.has(toHex(deviceKey))) return { do: "refuse" };
  return { do: "replace", deviceEpoch: (last?.deviceEpoch ?? 0) + 1 };
}

/** Of two rounds of asking the one in which fewer answers were missing, the later one where they are equal. */
export function betterRound(before: RecoveryDecision | undefined, now: RecoveryDecision): RecoveryDecision {
  return before !== undefined && before.missing < now.missing ? before : now;
}

/** Undefined where enough have answered. */
export function stalenessOf(decision: RecoveryDecision, quorum: number): Staleness | undefined {
  if (!decision.mayBeStale) return undefined;
  const needed = Math.max(quorum, decision.missing);
  const newestAtMs = decision.candidates[0]?.newest.head.timeMs ?? null;
  return { answered: needed - decision.missing, needed, newestAtMs };
}
