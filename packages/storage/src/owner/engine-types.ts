import type { SegmentState } from "../ports/index.ts";

/**
 * The owner's side of the storage engine: turns a version's bytes into fragments on other members' devices and back.
 * Versions are named by 16 random bytes. All failures are Faults.
 */
export interface OwnerEngine {
  /** Makes a version with a fresh FEK and records it as under way. Synchronous: it may join the caller's transaction. */
  beginVersion(): { readonly versionId: Uint8Array };
  /** Plaintext bytes of the version that are committed: the offset at which an interrupted upload goes on. */
  committedBytes(versionId: Uint8Array): number;
  /** Plaintext lengths of the committed extents, in order. */
  extentBytes(versionId: Uint8Array): readonly number[];
  /**
   * Goes on writing a version at its committed offset. At most one writer per version (`version-busy`). Throws
   * `too-few-holders` from `write` or `finish` when too few are reachable and the spool has no room.
   */
  writer(versionId: Uint8Array, signal: AbortSignal): VersionWriter;
  /**
   * Makes a version and writes it in one go, also while the owner's keys are not in memory: its FEK is sealed to the
   * owner's file key, and only who has the keys reads it. It cannot be gone on with: one that was cut off is removed.
   */
  beginUnattended(signal: AbortSignal, options?: UnattendedOptions): UnattendedVersion;
  /** A version that is written unattended and neither whole nor removed yet: nobody else may take it for left over. */
  isUnattended(versionId: Uint8Array): boolean;
  /**
   * Declares the version whole. Synchronous, and joins the caller's transaction, so that the version is complete and
   * shown in the tree by one commit. The committed bytes must equal `plainBytes` (`version-incomplete`).
   */
  completeVersion(versionId: Uint8Array, plainBytes: number): void;
  /** Forgets the version; its segments' fragments are removed from their holders in the background. Joins a transaction. */
  removeVersion(versionId: Uint8Array): void;
  /**
   * Plaintext bytes [start, end), in order, in pieces of at most 64 KiB. Each piece has been verified and authenticated
   * before it is yielded. Throws `not-enough-fragments` with details {missing, needed, segment} when too few holders
   * can serve a segment. Reading ahead is bounded; ending the iteration early cancels what is under way.
   */
  read(
    versionId: Uint8Array,
    range: { readonly start: number; readonly end: number },
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>;
  /**
   * Gives a complete version a fresh FEK of the current epoch and seals its content anew, where its FEK is of an earlier
   * one. The version stays what it is to everybody else; what it was sealed in before is dead then. A large version goes
   * on where it was cut off. Nothing new waits in the spool: `too-few-holders` where it would. `mayGoOn` is called before each part
   * that is sealed, and may throw to stop there. Also throws as `read`.
   */
  sealAnew(versionId: Uint8Array, signal: AbortSignal, mayGoOn?: () => void): Promise<Resealed>;
  /** Versions under way in which large ones are sealed anew, at most `limit`; removing one gives it up. */
  replacements(limit: number): readonly Uint8Array[];
  /** Where the version's fragments are, as recorded; who is online is the members' matter. */
  describe(versionId: Uint8Array): VersionPlacement;
  /** `pending` when any segment of the version is; `durable` otherwise, also for a version without segments. */
  placementState(versionId: Uint8Array): "durable" | "pending";
  /** Ciphertext that lies only on this device. */
  spool(): { readonly usedBytes: number; readonly limitBytes: number };
  /** The code new segments get now, with the members there are; undefined while nothing can be made durable. */
  currentCode(): { readonly k: number; readonly n: number } | undefined;
  /**
   * Starts background work: completing placements, draining the spool, removing dead fragments. Runs until `stop`,
   * which resolves when nothing is under way any more; what was interrupted goes on at the next start.
   */
  start(): void;
  stop(): Promise<void>;
  /** Looks for background work now, e.g. because a member came online or a version was removed. */
  wake(): void;
}

/** `current`: its FEK is of the current epoch. `gone`: it was removed meanwhile. */
export type Resealed = "sealed" | "current" | "gone";

export interface VersionWriter {
  /** Resolves when there is room for more: back-pressure. The bytes are copied. */
  write(bytes: Uint8Array): Promise<void>;
  /** Seals and commits what is left; resolves when every byte written is durable or pending. */
  finish(): Promise<void>;
  /** Gives up what is not committed yet; committed extents stay. Harmless after `finish`. */
  abort(): Promise<void>;
  /** Moves as segments are committed. */
  readonly committedBytes: number;
}

export interface UnattendedOptions {
  /** Whether segments may wait in the spool; where not, `too-few-holders` says that one would. They may by default. */
  readonly mayWait?: boolean;
  /** How many bytes come, where it is known: no memory for more is taken. */
  readonly expectedBytes?: number;
}

export interface UnattendedVersion {
  readonly versionId: Uint8Array;
  readonly writer: VersionWriter;
}

export interface VersionPlacement {
  readonly plainBytes: number;
  /** Plaintext bytes in segments that are pending. */
  readonly pendingBytes: number;
  readonly segments: readonly SegmentPlacement[];
}

export interface SegmentPlacement {
  readonly segmentId: Uint8Array;
  readonly state: SegmentState;
  readonly k: number;
  readonly n: number;
  readonly fragmentBytes: number;
  /** Accounts (hex) meant to hold fragment i. */
  readonly holders: readonly string[];
  /** Indexes known to be fsynced by their holder. */
  readonly placed: readonly number[];
}

/** What the engine tells the program; called synchronously, must not throw. */
export interface EngineEvents {
  /** The version's committed bytes moved. */
  committed(versionId: Uint8Array, committedBytes: number): void;
  /** Fragments of a segment were placed, or it left the spool. */
  placementChanged(segmentId: Uint8Array): void;
}
