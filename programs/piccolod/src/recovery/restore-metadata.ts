/** Brings the owner's metadata from the other members, for a device that has just become its owner's. */
import { toHex } from "@piccolo/bytes";
import { centralFaults } from "@piccolo/central-api";
import type { OwnerKeys } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import { replay } from "@piccolo/membership";
import { quorumOf, type RecoveryDecision, witnessesOf } from "@piccolo/storage/log";
import {
  recoverHead,
  type RecoveryOptions,
  restoreBest,
  SegmentCheckpointStore,
  WireWitnessClient,
} from "@piccolo/storage/metadata-log";
import { HolderHealth, WireHolderClient } from "@piccolo/storage/owner";
import type { FragmentHash } from "@piccolo/storage/fragment";
import type { RedundancyPolicy } from "@piccolo/storage/policy";
import type { HolderView, Members, OwnLog, PeerTransport, VaultReader } from "@piccolo/storage/ports";
import type { FoundMembership, RecoverParts } from "@piccolo/storage/recover";
import { createVaultReader } from "../network/central-vault.ts";
import { devicesIn } from "../network/membership-log.ts";
import { betterRound, stalenessOf } from "./decide.ts";
import { centralAsOwner, type Searching } from "./search.ts";
import type { Staleness } from "./types.ts";

/** How long the witnesses may take, all together: a device that is slow or asleep is not waited for. */
const patienceMs = 20_000;
const roundPauseMs = 1_000;
const mostRestores = 4;
const restorePauseMs = 2_000;

export interface MetadataSource extends Pick<RecoverParts, "world" | "report"> {
  readonly account: Uint8Array;
  /** Metadata keys (32 bytes) by key epoch: entries name the one they are sealed under. */
  readonly metadataKeys: ReadonlyMap<number, Uint8Array>;
  readonly membership: FoundMembership;
  /** The ordinary protocol, which lets this device in now. */
  readonly transport: PeerTransport;
  readonly addressesOf: (deviceKey: Uint8Array) => readonly string[];
  readonly hash: FragmentHash;
  readonly policy: RedundancyPolicy;
  readonly ownDomain: string;
  /** Central's copies, undefined where there is no central. */
  readonly vault: VaultReader | undefined;
}

/** How this device reads its account's log at the members. */
export function recoveryOptions(source: MetadataSource): RecoveryOptions {
  const { account, metadataKeys, membership, transport, addressesOf, hash, world, report, vault } = source;
  const { state, entries } = membership;
  const { keys: devices } = devicesIn(entries);
  const holders: readonly HolderView[] = [...state.members]
    .filter(([name]) => name !== toHex(account))
    .map(([name, { name: shown, deviceKey }]) => ({
      account: name,
      name: shown,
      deviceKey,
      addresses: addressesOf(deviceKey),
      online: true,
      lastSeenMs: world.nowMs(),
      roundTripMs: Infinity,
      domain: name,
    }));
  const members: Members = { holders: () => holders, onChange: () => () => undefined };
  let turn = 0;
  return {
    account,
    world,
    report,
    vault,
    witnessClient: new WireWitnessClient({ ownAccount: account, networkId: () => state.networkId, transport, members }),
    deviceKeyOf: (deviceEpoch) => devices.get(`${toHex(account)}:${deviceEpoch}`),
    metadataKey: (epoch) => metadataKeys.get(epoch),
    checkpoints: new SegmentCheckpointStore({
      codec: { account, hash },
      holderClient: new WireHolderClient({ ownAccount: account, transport, members, hash }),
      health: new HolderHealth(world),
      members,
      world,
      report,
      policy: source.policy,
      ownDomain: source.ownDomain,
      vault,
      nextTurn: () => turn++,
    }),
    network: () => ({ id: state.networkId }),
    members: () => holders.map(({ account: member }) => member),
    witnessesAt: (logLength) => {
      if (logLength === undefined) return witnessesOf(state, account).map((member) => toHex(member.account));
      if (logLength > entries.length) return undefined;
      return witnessesOf(replay(entries.slice(0, logLength)), account).map((member) => toHex(member.account));
    },
  };
}

export interface NewestState extends Pick<
  MetadataSource,
  "hash" | "policy" | "ownDomain" | "transport" | "membership"
> {
  readonly searching: Searching;
  readonly account: Uint8Array;
  /** Of all key epochs that entries may be sealed under. */
  readonly keys: readonly OwnerKeys[];
  /** Those that central has registered. */
  readonly registered: OwnerKeys;
  readonly ownLog: OwnLog;
}

/**
 * Asks everybody for the owner's newest state and puts it in the place of what the database holds. `found` is called
 * between the two. Resolves with what is missing until it is certain to be the newest.
 */
export async function restoreNewest(
  { searching, keys, registered, ownLog, ...given }: NewestState,
  found: () => void,
  signal: AbortSignal,
): Promise<Staleness | undefined> {
  const { devices, world, report } = searching;
  const options = recoveryOptions({
    ...given,
    metadataKeys: new Map(keys.map((held) => [held.epoch, held.metadataKey()])),
    addressesOf: (key) => devices.addressesOf(key),
    vault: vaultOf(searching, registered, given.membership.state.networkId),
    world,
    report,
  });
  const { decision, stale } = await findHead(options, patienceMs, signal);
  found();
  await restoreContent(options, ownLog, decision, signal);
  return stale;
}

/** The first central that answers; what it says is checked by whoever reads. */
function vaultOf(searching: Searching, registered: OwnerKeys, networkId: Uint8Array): VaultReader {
  const readers = searching.centrals.map((baseUrl) => {
    const central = centralAsOwner(searching, baseUrl, registered);
    return createVaultReader({ client: () => Promise.resolve(central), network: () => networkId });
  });
  async function first<T>(ask: (reader: VaultReader) => Promise<T>, signal: AbortSignal): Promise<T> {
    let last: unknown = centralFaults.fault("central-unreachable", "no central is known");
    for (const reader of readers) {
      try {
        return await ask(reader);
      } catch (error) {
        signal.throwIfAborted();
        if (!isFault(error)) throw error;
        last = error;
      }
    }
    throw last;
  }
  return {
    head: (signal) => first((reader) => reader.head(signal), signal),
    entries: (from, signal) => first((reader) => reader.entries(from, signal), signal),
    blob: (segmentId, signal) => first((reader) => reader.blob(segmentId, signal), signal),
  };
}

/** Asks again and again until enough witnesses have answered, or so much time has passed. */
export async function findHead(
  options: RecoveryOptions,
  patienceMs: number,
  signal: AbortSignal,
): Promise<{ readonly decision: RecoveryDecision; readonly stale: Staleness | undefined }> {
  const { world } = options;
  const endMs = world.monotonicMs() + patienceMs;
  let best: RecoveryDecision | undefined;
  for (;;) {
    best = betterRound(best, await recoverHead(options, signal));
    if (!best.mayBeStale || world.monotonicMs() >= endMs) break;
    await world.sleep(roundPauseMs, signal);
  }
  const { quorum } = quorumOf(options.witnessesAt(undefined)?.length ?? 0);
  return { decision: best, stale: stalenessOf(best, quorum) };
}

/** Puts what the best head leads to in the place of what the database holds. Throws what reading throws. */
export async function restoreContent(
  options: RecoveryOptions,
  ownLog: OwnLog,
  decision: RecoveryDecision,
  signal: AbortSignal,
): Promise<void> {
  if (decision.candidates.length === 0) {
    // Nobody has an entry, so none was ever acknowledged.
    ownLog.empty();
    return;
  }
  for (let attempt = 1; ; attempt++) {
    try {
      await restoreBest(options, ownLog, decision, signal);
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (attempt === mostRestores || !isFault(error) || error.retry !== "later") throw error;
      // A member that has not heard of this device yet lets it in a moment later.
      options.report("restore-tried-again", { code: error.code });
      await options.world.sleep(restorePauseMs, signal);
    }
  }
}
