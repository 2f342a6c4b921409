/**
 * The storage engine's part of the `owner` database. Synchronous: each method is one transaction of its own, or joins
 * the one the caller has open (the program completes a version and shows it in the tree in one commit).
 * Every table behind it has a primary key, so that changesets see it.
 */
export interface Metadata {
  /** A version under way: its key exists, its extents come one by one. */
  beginVersion(version: NewVersion): void;
  /** Adds the segment and the extent that lies in it; refuses an ordinal that is not the next one by an assertion. */
  commitExtent(extent: ExtentRecord, segment: SegmentRecord): void;
  /** The version is whole: `plainBytes` must equal the sum of its extents. */
  completeVersion(versionId: Uint8Array, plainBytes: number): void;
  /**
   * Removes the version and its extents, and with it a replacement under way; segments left without extents become
   * `dead`. Unknown ids are ignored.
   */
  removeVersion(versionId: Uint8Array): void;

  /** Complete versions whose FEK was made before an epoch, in the order of their ids, behind one; an empty id begins. */
  versionsBefore(epoch: number, after: Uint8Array, limit: number): readonly VersionRecord[];
  /** How many those are, and the plaintext bytes in them. */
  countBefore(epoch: number): { readonly versions: number; readonly plainBytes: number };
  /**
   * A complete version gets another FEK, and in the place of all its extents the one given, or none where it is empty.
   * The extent holds as many bytes as the version. Segments left without extents become `dead`.
   */
  replaceContent(
    version: NewVersion,
    content: { readonly extent: ExtentRecord; readonly segment: SegmentRecord } | undefined,
  ): void;
  /** A version under way that is to take the place of a complete one; there is one of it at most. */
  beginReplacement(of: Uint8Array, replacement: NewVersion): void;
  replacementOf(versionId: Uint8Array): VersionRecord | undefined;
  /** Ids of the replacements under way, at most `limit`. */
  replacements(limit: number): readonly Uint8Array[];
  /**
   * The replacement, whose extents add up to the version, takes its place: id, and all that is known of it elsewhere,
   * stay the version's; extents and epoch are the replacement's, and the FEK as wrapped here. Otherwise as above.
   */
  takeReplacement(versionId: Uint8Array, wrappedFek: Uint8Array): void;

  version(versionId: Uint8Array): VersionRecord | undefined;
  /** In order of their ordinals. */
  extents(versionId: Uint8Array): readonly ExtentRecord[];
  segment(segmentId: Uint8Array): SegmentRecord | undefined;
  /** Segments in one state, or placed on fewer than n holders, oldest first, at most `limit` after the first `skip`. */
  segmentsIn(state: SegmentState | "under-placed", limit: number, skip?: number): readonly SegmentRecord[];
  markPlaced(segmentId: Uint8Array, indexes: readonly number[]): void;
  /** A holder has confirmed the removal of its fragment of a dead segment. */
  markRemoved(segmentId: Uint8Array, indexes: readonly number[]): void;
  setSegmentState(segmentId: Uint8Array, state: SegmentState): void;
  /** Changes who is meant to hold a pending segment's fragments, and under which code; nothing counts as placed then. */
  reassign(
    segmentId: Uint8Array,
    to: Pick<SegmentRecord, "k" | "n" | "fragmentBytes" | "segmentRoot" | "holders">,
  ): void;
  /** Drops a dead segment that nobody holds any more. */
  forgetSegment(segmentId: Uint8Array): void;
}

/** `pending`: too few holders have it, the sealed bytes are in the spool. `placed`: at least s holders have fsynced it. `dead`: no extent lies in it, holders are still to be told. */
export type SegmentState = "pending" | "placed" | "dead";

export interface NewVersion {
  /** Random, 16 bytes. */
  readonly versionId: Uint8Array;
  readonly wrappedFek: Uint8Array;
  /** The key epoch in which the FEK was made, whatever wraps it now; from 1, which also stands for one not known. */
  readonly fekEpoch: number;
}

export interface VersionRecord extends NewVersion {
  /** Undefined while extents still come. */
  readonly plainBytes: number | undefined;
}

export interface ExtentRecord {
  readonly versionId: Uint8Array;
  readonly ordinal: number;
  readonly segmentId: Uint8Array;
  /** Where the sealed extent begins in the segment. */
  readonly offsetBytes: number;
  /** Plaintext bytes of the extent. */
  readonly plainBytes: number;
  /** 16 bytes, fresh for every sealing. */
  readonly salt: Uint8Array;
}

export interface SegmentRecord {
  readonly segmentId: Uint8Array;
  /** Hash over the roots of the n fragments (docs/spec/fragment.md). */
  readonly segmentRoot: Uint8Array;
  readonly k: number;
  readonly n: number;
  /** Sealed bytes in the segment, before padding. */
  readonly sealedBytes: number;
  readonly fragmentBytes: number;
  /** Account (hex) meant to hold fragment i, for i in 0..n-1; stored as the id of a holder set and a rotation. */
  readonly holders: readonly string[];
  /** Indexes that are known to be fsynced by their holder, ascending. */
  readonly placed: readonly number[];
  readonly state: SegmentState;
  readonly createdAtMs: number;
}
