import type { OwnerChain, OwnerKeys } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import { type NetworkState, rotateOwnerKey } from "@piccolo/membership";
import { quorumOf, witnessesOf } from "@piccolo/storage/log";
import type { Members, WitnessClient } from "@piccolo/storage/ports";
import type { World } from "@piccolo/world";
import type { CentralLink } from "./central-link.ts";
import type { CentralLog } from "./central-log.ts";
import type { MembershipLog } from "./membership-log.ts";

const firstPauseMs = 500;
const longestPauseMs = 30_000;
const answerLimitMs = 10_000;

export interface OwnerKeyEntryParts {
  readonly membership: MembershipLog;
  readonly link: CentralLink;
  readonly centralLog: CentralLog;
  readonly client: WitnessClient;
  readonly members: Members;
  readonly world: World;
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/**
 * Tells the network of a newer owner key, by an entry of the membership log. Central puts entries in order; where it is
 * away, the member online that joined first does, so that two entries seldom claim one place. Resolves once the entry is
 * in the log here and, where central does not have it, with enough members that a replacement would find it. Waits as
 * long as that takes; harmless when repeated.
 */
export async function enterOwnerKey(
  parts: OwnerKeyEntryParts,
  owner: { readonly keys: () => OwnerKeys; readonly chain: OwnerChain },
  signal: AbortSignal,
): Promise<void> {
  const { membership, world } = parts;
  let pauseMs = firstPauseMs;
  for (;;) {
    signal.throwIfAborted();
    const { state } = membership;
    const keys = owner.keys();
    const member = state?.memberByAccount(keys.account);
    if (state === undefined || member === undefined || member.keyEpoch >= keys.epoch) return;
    const entry = rotateOwnerKey({ state, ownerKeys: keys, rotations: owner.chain.rotations, world });
    if ((await atCentral(parts, state, entry, signal)) || (await atMembers(parts, state, keys, entry, signal)))
      continue;
    await world.sleep(pauseMs, signal);
    pauseMs = Math.min(longestPauseMs, pauseMs * 2);
  }
}

/** Whether central was there to decide: either the entry is in the log, or one that came first is. */
async function atCentral(
  { link, centralLog, membership, report }: OwnerKeyEntryParts,
  state: NetworkState,
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
    report("owner-key-not-at-central", { code: error.code });
    return false;
  }
}

/** Whether a quorum of members took it in, or one told of an entry that came first. */
async function atMembers(
  { client, members, membership, world, report }: OwnerKeyEntryParts,
  state: NetworkState,
  keys: OwnerKeys,
  entry: Uint8Array,
  signal: AbortSignal,
): Promise<boolean> {
  const online = new Set(members.holders().flatMap((holder) => (holder.online ? [holder.account] : [])));
  const witnesses = witnessesOf(state, keys.account).map(({ account }) => account.toHex());
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
      report("owner-key-not-at-member", { account, code: isFault(error) ? error.code : "late" });
      if (isFault(error, "conflict") && took === 0 && (await readNews(membership, client, account, limited)))
        return true;
    } finally {
      over.abort();
    }
    // The first that takes it has put it in its place: from then on it is the log's.
    if (took === 1) membership.extend(state.length, [entry]);
  }
  if (witnesses.length === 0) membership.extend(state.length, [entry]);
  return took >= quorum;
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
    membership.extend(from, entries);
    return entries.length > 0;
  } catch (error) {
    if (!isFault(error)) throw error;
    return false;
  }
}
