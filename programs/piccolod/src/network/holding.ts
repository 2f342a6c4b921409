/** What this device keeps for the other members, and what it answers them and strangers. */
import { type HolderCrashPoint, HolderService, HolderStore } from "@piccolo/storage/holder";
import type { FragmentHash } from "@piccolo/storage/fragment";
import type { Disk, PeerHandler, WitnessStore } from "@piccolo/storage/ports";
import type { World } from "@piccolo/world";
import type { SqliteHolderIndex } from "../db/holder-index.ts";
import type { Room } from "../room/room.ts";
import { createPeerServices } from "./peer-services.ts";
import type { NetworkFeature } from "./types.ts";

const gibibyte = 1024 ** 3;
/** Others' fragments leave so much room for what the device's own owner still uploads. */
const ownersShareBytes = 64 * 1024 * 1024;
const defaultQuotaBytes = 100 * gibibyte;
/** Metadata each member may keep here: deltas since its last checkpoint, many times over. */
const witnessQuotaBytes = 256 * 1024 * 1024;
/** The same once there is no room for content: a checkpoint, which makes room, still finds a place. */
const fullWitnessQuotaBytes = 1024 * 1024;

export interface HoldingOptions {
  readonly disk: Disk;
  readonly room: Pick<Room, "freeBytes">;
  readonly index: SqliteHolderIndex;
  readonly witnessStore: WitnessStore;
  readonly network: NetworkFeature;
  readonly hash: FragmentHash;
  /** The own device key, 32 bytes. */
  readonly deviceKey: Uint8Array;
  /** What all others together may keep here. */
  readonly quotaBytes: number | undefined;
  readonly world: World;
  readonly crashPoint: (name: HolderCrashPoint) => void;
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

export interface Holding {
  readonly members: PeerHandler;
  readonly strangers: PeerHandler;
  /** What is kept here now, and the room there is. */
  held(): { readonly usedBytes: number; readonly quotaBytes: number; readonly fragments: number };
}

/** Brings the index in line with the fragments there are, then answers. */
export async function openHolding(options: HoldingOptions): Promise<Holding> {
  const { disk, room, index, witnessStore, network, hash, deviceKey, world, crashPoint, report } = options;
  const quotaBytes = options.quotaBytes ?? defaultQuotaBytes;
  const store = new HolderStore({
    disk,
    index,
    hash,
    world,
    // Everybody may use an equal share of what this device keeps for the others.
    quotaBytes: () => Math.floor(quotaBytes / Math.max(1, network.members.holders().length)),
    reserveBytes: ownersShareBytes,
    crashPoint,
    report,
  });
  await store.open();
  const fragments = new HolderService({
    store,
    memberOf: (key) => network.memberOf(key),
    hello: (account, hello) => network.hello(account, hello),
    report,
  });
  return {
    ...createPeerServices({
      network,
      fragments,
      witnessStore,
      deviceKey,
      // Logs lie in a database, which no quota of the kernel bounds.
      witnessQuotaBytes: () => (room.freeBytes() > 0 ? witnessQuotaBytes : fullWitnessQuotaBytes),
      world,
      report,
    }),
    held: () => ({ usedBytes: index.countedBytes(), quotaBytes, fragments: index.fragments }),
  };
}
