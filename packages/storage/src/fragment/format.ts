/**
 * The form of a segment's fragments (docs/spec/fragment.md). A segment is a run of sealed bytes; it is laid out in
 * stripes of k cells, coded stripe by stripe, and fragment `index` is the column of cells with that index.
 */

/** A cell, which is also a leaf of the fragment's Merkle tree and one sealed chunk of an extent. */
export const cellBytes = 65_536;

/** The sealed bytes one segment holds at most. A fragment is never longer, since k >= 1. */
export const maxSegmentBytes = 128 * cellBytes;

export const segmentIdBytes = 16;
export const hashBytes = 32;

/** Names one fragment in the whole network. */
export interface FragmentKey {
  /** Account id of the owner, 32 bytes. */
  readonly account: Uint8Array;
  /** Random, 16 bytes, never used twice. */
  readonly segmentId: Uint8Array;
  readonly index: number;
}

/** What a holder keeps in front of the fragment's bytes, and what a reader checks against the segment root. */
export interface FragmentHeader {
  readonly key: FragmentKey;
  readonly k: number;
  readonly n: number;
  /** Length of every fragment of the segment: its cells are `cellBytes` long, the last one is the rest. */
  readonly fragmentBytes: number;
  /** The Merkle roots of all n fragments, by index: what makes one 32-byte segment root enough for the owner to keep. */
  readonly roots: readonly Uint8Array[];
}

/** BLAKE3-256 of the bytes; the one hash of the fragment format, supplied by the composition root. */
export type FragmentHash = (bytes: Uint8Array) => Uint8Array;
