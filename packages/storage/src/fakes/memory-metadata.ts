import assert from "node:assert/strict";
import { toHex } from "@piccolo/bytes";
import type { ExtentRecord, Metadata, SegmentRecord, SegmentState, VersionRecord } from "../ports/index.ts";

/** The engine's part of the owner database in memory. Each call is committed when it returns. */
export class MemoryMetadata implements Metadata {
  readonly #versions = new Map<string, VersionRecord>();
  readonly #extents = new Map<string, ExtentRecord[]>();
  /** In the order they were made. */
  readonly #segments = new Map<string, SegmentRecord>();

  beginVersion({ versionId, wrappedFek }: Pick<VersionRecord, "versionId" | "wrappedFek">): void {
    const id = toHex(versionId);
    assert.ok(!this.#versions.has(id), "the version exists already");
    this.#versions.set(id, { versionId, wrappedFek, plainBytes: undefined });
    this.#extents.set(id, []);
  }

  commitExtent(extent: ExtentRecord, segment: SegmentRecord): void {
    const version = this.version(extent.versionId);
    const extents = this.#extents.get(toHex(extent.versionId));
    assert.ok(version !== undefined && extents !== undefined, "the version does not exist");
    assert.equal(version.plainBytes, undefined, "the version is complete");
    assert.equal(extent.ordinal, extents.length, "the ordinal is not the next one");
    assert.deepEqual(extent.segmentId, segment.segmentId);
    const id = toHex(segment.segmentId);
    const known = this.#segments.get(id);
    if (known === undefined) this.#segments.set(id, segment);
    else assert.deepEqual(known.segmentRoot, segment.segmentRoot, "the segment is another one");
    extents.push(extent);
  }

  completeVersion(versionId: Uint8Array, plainBytes: number): void {
    const version = this.version(versionId);
    assert.ok(version !== undefined, "the version does not exist");
    assert.equal(version.plainBytes, undefined, "the version is complete");
    const sum = this.extents(versionId).reduce((bytes, extent) => bytes + extent.plainBytes, 0);
    assert.equal(plainBytes, sum, "the extents do not add up to the version");
    this.#versions.set(toHex(versionId), { ...version, plainBytes });
  }

  removeVersion(versionId: Uint8Array): void {
    const id = toHex(versionId);
    const extents = this.#extents.get(id) ?? [];
    this.#versions.delete(id);
    this.#extents.delete(id);
    for (const { segmentId } of extents) {
      const used = [...this.#extents.values()].flat().some((other) => toHex(other.segmentId) === toHex(segmentId));
      if (!used) this.setSegmentState(segmentId, "dead");
    }
  }

  version(versionId: Uint8Array): VersionRecord | undefined {
    return this.#versions.get(toHex(versionId));
  }

  extents(versionId: Uint8Array): readonly ExtentRecord[] {
    return [...(this.#extents.get(toHex(versionId)) ?? [])];
  }

  segment(segmentId: Uint8Array): SegmentRecord | undefined {
    return this.#segments.get(toHex(segmentId));
  }

  segmentsIn(state: SegmentState | "under-placed", limit: number, skip = 0): readonly SegmentRecord[] {
    return [...this.#segments.values()]
      .filter((segment) =>
        state === "under-placed"
          ? segment.state === "placed" && segment.placed.length < segment.n
          : segment.state === state,
      )
      .sort((a, b) => a.createdAtMs - b.createdAtMs)
      .slice(skip, skip + limit);
  }

  markPlaced(segmentId: Uint8Array, indexes: readonly number[]): void {
    this.#change(segmentId, ({ placed, n }) => {
      assert.ok(indexes.every((index) => Number.isInteger(index) && index >= 0 && index < n));
      return { placed: [...new Set([...placed, ...indexes])].sort((a, b) => a - b) };
    });
  }

  markRemoved(segmentId: Uint8Array, indexes: readonly number[]): void {
    this.#change(segmentId, ({ placed }) => ({ placed: placed.filter((index) => !indexes.includes(index)) }));
  }

  setSegmentState(segmentId: Uint8Array, state: SegmentState): void {
    this.#change(segmentId, () => ({ state }));
  }

  reassign(
    segmentId: Uint8Array,
    { k, n, fragmentBytes, segmentRoot, holders }: Parameters<Metadata["reassign"]>[1],
  ): void {
    this.#change(segmentId, ({ state }) => {
      assert.equal(state, "pending", "only a pending segment is assigned anew");
      return { k, n, fragmentBytes, segmentRoot, holders, placed: [] };
    });
  }

  forgetSegment(segmentId: Uint8Array): void {
    const segment = this.segment(segmentId);
    if (segment === undefined) return;
    assert.equal(segment.state, "dead", "only a dead segment is forgotten");
    this.#segments.delete(toHex(segmentId));
  }

  /** Unknown segments are ignored: a version may be removed while a placement is under way. */
  #change(segmentId: Uint8Array, change: (segment: SegmentRecord) => Partial<SegmentRecord>): void {
    const segment = this.segment(segmentId);
    if (segment !== undefined) this.#segments.set(toHex(segmentId), { ...segment, ...change(segment) });
  }
}
