/** Brings the owner's metadata from the other members, for a device that has just become its owner's. */
import { toHex } from "@piccolo/bytes";
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
import type { HolderView, Members, OwnLog, PeerTransport } from "@piccolo/storage/ports";
import type { FoundMembership, RecoverParts } from "@piccolo/storage/recover";
import { devicesIn } from "../network/membership-log.ts";
import { betterRound, stalenessOf } from "./decide.ts";
import type { Staleness } from "./types.ts";

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
}

/** How this device reads its account's log at the members. */
export function recoveryOptions(source: MetadataSource): RecoveryOptions {
  const { account, metadataKeys, membership, transport, addressesOf, hash, world, report } = source;
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
