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
  /** The same as it counts against a quota: the sum of `countedFragmentBytes`. */
  countedBytes(account?: Uint8Array): number;
}

export interface HeldFragment {
  readonly key: FragmentKey;
  /** The fragment's Merkle root, 32 bytes. */
  readonly root: Uint8Array;
  /** Bytes of the file on disk, header included. */
  readonly sizeBytes: number;
  readonly storedAtMs: number;
}

const blockBytes = 4_096;
/** Its inode, its name in the folder and its row in the index. */
const entryBytes = 1_024;

/**
 * What a fragment takes of its owner's quota. A file takes whole blocks, and room beside them: counted by its bytes alone a
 * quota full of tiny ones would take many times that, and there would be no end to the index.
 */
export const countedFragmentBytes = (sizeBytes: number): number =>
  Math.ceil(sizeBytes / blockBytes) * blockBytes + entryBytes;
