import assert from "node:assert/strict";
import { fromHex, toHex } from "@piccolo/bytes";
import type { KeyRing } from "@piccolo/envelope";
import type { ExtentRecord, Metadata, NewVersion, SegmentRecord, SegmentState, VersionRecord } from "../ports/index.ts";

/** The engine's part of the owner database in memory. Each call is committed when it returns. */
export class MemoryMetadata implements Metadata {
  readonly #versions = new Map<string, VersionRecord>();
  readonly #extents = new Map<string, ExtentRecord[]>();
  /** The id of the replacement under way, by that of the version. */
  readonly #replacements = new Map<string, string>();
  /** In the order they were made. */
  readonly #segments = new Map<string, SegmentRecord>();

  beginVersion({ versionId, wrappedFek, fekEpoch }: NewVersion): void {
    const id = toHex(versionId);
    assert.ok(!this.#versions.has(id), "the version exists already");
    this.#versions.set(id, { versionId, wrappedFek, fekEpoch, plainBytes: undefined });
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
    const replacement = this.#replacements.get(id);
    this.#versions.delete(id);
    this.#extents.delete(id);
    this.#replacements.delete(id);
    for (const [replaced, by] of this.#replacements) if (by === id) this.#replacements.delete(replaced);
    this.#killUnused(extents);
    if (replacement !== undefined) this.removeVersion(fromHex(replacement));
  }

  /** What a re-key does to each version: the same FEK under other keys. */
  rewrap(versionId: Uint8Array, keys: Pick<KeyRing, "rewrapFek">): void {
    const version = this.version(versionId);
    assert.ok(version !== undefined, "the version does not exist");
    const wrappedFek = keys.rewrapFek(version.wrappedFek, versionId) ?? version.wrappedFek;
    this.#versions.set(toHex(versionId), { ...version, wrappedFek });
  }

  versionsBefore(epoch: number, after: Uint8Array, limit: number): readonly VersionRecord[] {
    return this.#before(epoch)
      .filter(({ versionId }) => toHex(versionId) > toHex(after))
      .sort((a, b) => (toHex(a.versionId) < toHex(b.versionId) ? -1 : 1))
      .slice(0, limit);
  }

  countBefore(epoch: number): { readonly versions: number; readonly plainBytes: number } {
    const before = this.#before(epoch);
    return { versions: before.length, plainBytes: before.reduce((sum, { plainBytes }) => sum + (plainBytes ?? 0), 0) };
  }

  #before(epoch: number): VersionRecord[] {
    return [...this.#versions.values()].filter(
      ({ fekEpoch, plainBytes }) => plainBytes !== undefined && fekEpoch < epoch,
    );
  }

  replaceContent(
    version: NewVersion,
    content: { readonly extent: ExtentRecord; readonly segment: SegmentRecord } | undefined,
  ): void {
    const id = toHex(version.versionId);
    const { plainBytes } = this.#complete(version.versionId);
    assert.equal(plainBytes, content?.extent.plainBytes ?? 0, "the extent does not add up to the version");
    const before = this.extents(version.versionId);
    if (content !== undefined) {
      const { extent, segment } = content;
      assert.deepEqual([extent.versionId, extent.ordinal], [version.versionId, 0]);
      assert.deepEqual(extent.segmentId, segment.segmentId);
      assert.ok(!this.#segments.has(toHex(segment.segmentId)), "the segment exists already");
      this.#segments.set(toHex(segment.segmentId), segment);
    }
    this.#versions.set(id, { ...version, plainBytes });
    this.#extents.set(id, content === undefined ? [] : [content.extent]);
    this.#killUnused(before);
  }

  beginReplacement(of: Uint8Array, replacement: NewVersion): void {
    this.#complete(of);
    assert.ok(!this.#replacements.has(toHex(of)), "the version is being replaced already");
    this.beginVersion(replacement);
    this.#replacements.set(toHex(of), toHex(replacement.versionId));
  }

  replacementOf(versionId: Uint8Array): VersionRecord | undefined {
    const id = this.#replacements.get(toHex(versionId));
    return id === undefined ? undefined : this.version(fromHex(id));
  }

  replacements(limit: number): readonly Uint8Array[] {
    return [...this.#replacements.values()].sort().slice(0, limit).map(fromHex);
  }

  takeReplacement(versionId: Uint8Array, wrappedFek: Uint8Array): void {
    const { plainBytes } = this.#complete(versionId);
    const replacement = this.replacementOf(versionId);
    assert.ok(replacement !== undefined, "the version is not being replaced");
    const before = this.extents(versionId);
    const after = this.extents(replacement.versionId);
    const sum = after.reduce((bytes, extent) => bytes + extent.plainBytes, 0);
    assert.equal(plainBytes, sum, "the extents do not add up to the version");
    const id = toHex(versionId);
    this.#versions.set(id, { versionId, wrappedFek, fekEpoch: replacement.fekEpoch, plainBytes });
    this.#extents.set(
      id,
      after.map((extent) => ({ ...extent, versionId })),
    );
    this.#replacements.delete(id);
    this.#versions.delete(toHex(replacement.versionId));
    this.#extents.delete(toHex(replacement.versionId));
    this.#killUnused(before);
  }

  #complete(versionId: Uint8Array): VersionRecord & { readonly plainBytes: number } {
    const version = this.version(versionId);
    assert.ok(version !== undefined, "the version does not exist");
    const { plainBytes } = version;
    assert.ok(plainBytes !== undefined, "the version is not complete");
    return { ...version, plainBytes };
  }

  #killUnused(extents: readonly ExtentRecord[]): void {
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
