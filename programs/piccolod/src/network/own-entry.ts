/** Entries that an owner makes of himself: a newer key, or that he leaves. */
import type { OwnerChain, OwnerKeys } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import { leaveNetwork, type NetworkState, rotateOwnerKey } from "@piccolo/membership";
import { quorumOf, witnessesOf } from "@piccolo/storage/log";
import type { Members, WitnessClient } from "@piccolo/storage/ports";
import type { World } from "@piccolo/world";
import type { CentralLink } from "./central-link.ts";
import type { CentralLog } from "./central-log.ts";
import type { MembershipLog } from "./membership-log.ts";

const firstPauseMs = 500;
const longestPauseMs = 30_000;
const answerLimitMs = 10_000;

export interface OwnEntryParts {
  readonly membership: MembershipLog;
  readonly link: CentralLink;
  readonly centralLog: CentralLog;
  readonly client: WitnessClient;
  readonly members: Members;
  readonly world: World;
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

interface OwnEntry {
  readonly account: Uint8Array;
  /** In events that are reported. */
  readonly what: "owner-key" | "leaving";
  /** After this state; undefined where the log has it, or has no room for it. */
  readonly next: (state: NetworkState) => Uint8Array | undefined;
  /** Members that have to take it where central is away, of a quorum of so many. */
  readonly enough: (quorum: number) => number;
}

/** Tells the network of a newer owner key, with enough members that a replacement would find it. */
export function enterOwnerKey(
  parts: OwnEntryParts,
  owner: { readonly keys: () => OwnerKeys; readonly chain: OwnerChain },
  signal: AbortSignal,
): Promise<void> {
  const { account } = owner.keys();
  const next = (state: NetworkState): Uint8Array | undefined => {
    const keys = owner.keys();
    const member = state.memberByAccount(account);
    if (member === undefined || member.keyEpoch >= keys.epoch) return undefined;
    return rotateOwnerKey({ state, ownerKeys: keys, rotations: owner.chain.rotations, world: parts.world });
  };
  return enterEntry(parts, { account, what: "owner-key", next, enough: (quorum) => quorum }, signal);
}

/** Tells the network that its owner leaves. Who is alone in it has nobody to tell. */
export function enterLeaving(parts: OwnEntryParts, ownerKeys: OwnerKeys, signal: AbortSignal): Promise<void> {
  const { account } = ownerKeys;
  const next = (state: NetworkState): Uint8Array | undefined => {
    if (state.memberByAccount(account) === undefined) return undefined;
    try {
      return leaveNetwork({ state, ownerKeys, world: parts.world });
    } catch (error) {
      if (isFault(error, "last-member")) return undefined;
      throw error;
    }
  };
  // Whoever took it tells the others, and talks to who has left no more.
  return enterEntry(parts, { account, what: "leaving", next, enough: () => 1 }, signal);
}

/**
 * Central puts entries in order; where it is away, the member online that joined first does, so that two entries seldom
 * claim one place. Resolves once the entry is in the log here and, where central does not have it, with enough members.
 * Waits as long as that takes; harmless when repeated.
 */
async function enterEntry(parts: OwnEntryParts, own: OwnEntry, signal: AbortSignal): Promise<void> {
  const { membership, world } = parts;
  let pauseMs = firstPauseMs;
  for (;;) {
    signal.throwIfAborted();
    const { state } = membership;
    const entry = state === undefined ? undefined : own.next(state);
    if (state === undefined || entry === undefined) return;
    if ((await atCentral(parts, state, own, entry, signal)) || (await atMembers(parts, state, own, entry, signal)))
      continue;
    await world.sleep(pauseMs, signal);
    pauseMs = Math.min(longestPauseMs, pauseMs * 2);
  }
}

/** Whether central was there to decide: either the entry is in the log, or one that came first is. */
async function atCentral(
  { link, centralLog, membership, report }: OwnEntryParts,
  state: NetworkState,
  { what }: OwnEntry,
  entry: Uint8Array,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await link.ready(signal);
    await centralLog.sync(link.client, signal);
    if (membership.state?.length !== state.length) return true;
    await link.client.append(state.networkId, entry, { signal });
    membership.extend(state.length, [entry]);
    return true;
  } catch (error) {
    signal.throwIfAborted();
    if (!isFault(error)) throw error;
    report(`${what}-not-at-central`, { code: error.code });
    return false;
  }
}

/** Whether a quorum of members took it in, or one told of an entry that came first. */
async function atMembers(
  { client, members, membership, world, report }: OwnEntryParts,
  state: NetworkState,
  { account: ownAccount, what, enough }: OwnEntry,
  entry: Uint8Array,
  signal: AbortSignal,
): Promise<boolean> {
  const online = new Set(members.holders().flatMap((holder) => (holder.online ? [holder.account] : [])));
  const witnesses = witnessesOf(state, ownAccount).map(({ account }) => account.toHex());
  const { quorum } = quorumOf(witnesses.length);
  let took = 0;
  for (const account of witnesses.filter((witness) => online.has(witness))) {
    const late = new AbortController();
    const limited = AbortSignal.any([signal, late.signal]);
    const over = new AbortController();
    void world.sleep(answerLimitMs, over.signal).then(
      () => late.abort(new Error("the member did not answer in time")),
      () => undefined,
    );
    try {
      await client.appendLog(account, entry, limited);
      took++;
    } catch (error) {
      signal.throwIfAborted();
      if (!isFault(error) && !late.signal.aborted) throw error;
      report(`${what}-not-at-member`, { account, code: isFault(error) ? error.code : "late" });
      if (isFault(error, "conflict") && took === 0 && (await readNews(membership, client, account, limited)))
        return true;
    } finally {
      over.abort();
    }
    // The first that takes it has put it in its place: from then on it is the log's.
    if (took === 1) membership.extend(state.length, [entry]);
  }
  if (witnesses.length === 0) membership.extend(state.length, [entry]);
  return took >= Math.min(witnesses.length, enough(quorum));
}

async function readNews(
  membership: MembershipLog,
  client: WitnessClient,
  account: string,
  signal: AbortSignal,
): Promise<boolean> {
  const from = membership.state?.length ?? 0;
  try {
    const { entries } = await client.readLog(account, from, signal);
    return membership.read(from, entries) > 0;
  } catch (error) {
    if (!isFault(error)) throw error;
    return false;
  }
}
