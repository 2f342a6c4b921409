import type { FragmentKey } from "../fragment/format.ts";

/**
 * The index of other members' fragments this device holds (the `holder` database). It is derived from the fragment
 * files and can be rebuilt from them, so it need not be durable. Synchronous, since it is a local database.
 */
export interface HolderIndex {
  put(entry: HeldFragment): void;
  get(account: Uint8Array, segmentId: Uint8Array): HeldFragment | undefined;
  delete(account: Uint8Array, segmentId: Uint8Array): void;
  /** Entries of one owner in order of segment id, after the given one, at most `limit`. */
  list(account: Uint8Array, afterSegmentId: Uint8Array | undefined, limit: number): readonly HeldFragment[];
  /** Every entry, in any order: for the check against the files at start. */
  all(): Iterable<HeldFragment>;
  /** Bytes held for one owner, and for all. */
  usedBytes(account?: Uint8Array): number;
}

export interface HeldFragment {
  readonly key: FragmentKey;
  /** The fragment's Merkle root, 32 bytes. */
  readonly root: Uint8Array;
  /** Bytes of the file on disk, header included: what counts against the quota. */
  readonly sizeBytes: number;
  readonly storedAtMs: number;
}
