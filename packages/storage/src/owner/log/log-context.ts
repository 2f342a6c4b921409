import { catalogue } from "@piccolo/fault";
import type { Statement } from "@piccolo/envelope";
import type { World } from "@piccolo/world";
import type { CheckpointRun } from "../../log/index.ts";
import type { OwnLog, VaultClient, VaultReader, WitnessClient } from "../../ports/index.ts";

/** What the owner's side of the metadata log throws. */
export const metadataLogFaults = catalogue({
  "log-forked": {
    retry: "never",
    meaning: "Another device or an older disk wrote to this log; nothing more is written until the owner has decided.",
  },
  "log-withheld": {
    retry: "later",
    meaning: "Witnesses name entries of the metadata log that nobody hands out; wait until more of them are online.",
  },
  "log-empty": { retry: "never", meaning: "No witness has any entry of this owner's metadata log." },
});

/** Where a test or a drill may end the process; each name is a moment at which a power cut must do no harm. */
export const metadataLogCrashPoints = [
  "entry-made",
  "entry-sent",
  "before-witnessed",
  "after-witnessed",
  "checkpoint-stored",
  "checkpoint-made",
  "before-checkpoint-removal",
  "after-checkpoint-removal",
] as const;
export type MetadataLogCrashPoint = (typeof metadataLogCrashPoints)[number];

/** A member that witnesses this owner's log; which members do says `witnessesOf`. */
export interface WitnessView {
  /** Hex. */
  readonly account: string;
  readonly online: boolean;
}

/** Stores and reads what checkpoints point to: sealed, coded and placed like files. */
export interface CheckpointStore {
  /**
   * Seals content under a fresh key and stores it, at least s fragments of every segment. Throws `too-few-holders`;
   * what was stored until then is taken back.
   */
  store(pieces: Iterable<Uint8Array>, signal: AbortSignal): Promise<CheckpointRun>;
  /**
   * The content, in order; every piece is authenticated before it is yielded. What too few holders can serve comes from
   * central, where it has it.
   */
  read(run: CheckpointRun, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Whether something that was read had to come from central: the holders alone cannot serve it any more. */
  readonly leansOnVault: boolean;
  /** One segment as its holders together have it, for central to keep. Throws `not-enough-fragments`. */
  sealedSegment(run: CheckpointRun, ordinal: number, signal: AbortSignal): Promise<Uint8Array>;
  /** Tells the holders to forget. Resolves with the accounts (hex) that could not be told. */
  remove(runs: readonly CheckpointRun[], signal: AbortSignal): Promise<readonly string[]>;
}

/** The device in whose name entries are made. */
export interface LogIdentity {
  /** 32 bytes. */
  readonly account: Uint8Array;
  readonly deviceEpoch: number;
  /** Signs with the device key. */
  sign(statement: Statement): Uint8Array;
}

/** The network's membership log as this device knows it. */
export interface LogNetwork {
  readonly id: Uint8Array;
  readonly logLength: number;
  readonly headHash: Uint8Array;
}

/** What reading and opening a log takes. */
export interface LogReading {
  readonly account: Uint8Array;
  readonly witnessClient: WitnessClient;
  /** Key of the device this account had in a device epoch; undefined = never had one. */
  readonly deviceKeyOf: (deviceEpoch: number) => Uint8Array | undefined;
  /** Metadata key (32 bytes) of a key epoch; undefined = not known. */
  readonly metadataKey: (keyEpoch: number) => Uint8Array | undefined;
  readonly checkpoints: CheckpointStore;
  /** Central's copy: asked for what the witnesses do not give, and believed no more than the signatures say. */
  readonly vault?: VaultReader | undefined;
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

export interface MetadataLogOptions extends LogReading {
  readonly ownLog: OwnLog;
  readonly identity: LogIdentity;
  /** Whether the membership log of this device already names another one in its place. */
  readonly isReplaced: () => boolean;
  /** Whether the owner has accepted what a recovery found, though fewer than a quorum had answered: it goes on at once. */
  readonly isAccepted?: (() => boolean) | undefined;
  /** Epoch of the keys that seal new entries. */
  readonly keyEpoch: () => number;
  /** Undefined while the device is in no network: commits wait then. */
  readonly network: () => LogNetwork | undefined;
  readonly witnesses: () => readonly WitnessView[];
  /** Called after every change of network, witnesses or who of them is online. */
  readonly onMembersChange: (listener: () => void) => () => void;
  readonly vault: VaultClient | undefined;
  readonly world: World;
  readonly crashPoint: (name: MetadataLogCrashPoint) => void;
}
