import assert from "node:assert/strict";
import type { DatabaseSync } from "node:sqlite";
import { toHex } from "@piccolo/bytes";
import type {
  ExtentRecord,
  Metadata,
  NewVersion,
  SegmentRecord,
  SegmentState,
  VersionRecord,
} from "@piccolo/storage/ports";
import { transact, withoutWaiting } from "./database.ts";
import { bitmapOf, HolderSets, indexesOf } from "./holder-sets.ts";
import {
  type ExtentRow,
  firstFekEpoch,
  metadataStatements,
  type SegmentRow,
  type ShownCells,
  type VersionRow,
} from "./metadata-statements.ts";

/** By the number that stands for it in the table. */
const states: readonly SegmentState[] = ["pending", "placed", "dead"];

const epochCell = (epoch: number): number | null => (epoch === firstFekEpoch ? null : epoch);

function recordOf(row: VersionRow): VersionRecord {
  return {
    versionId: row.version_id,
    wrappedFek: row.wrapped_fek,
    fekEpoch: row.fek_epoch ?? firstFekEpoch,
    plainBytes: row.plain_bytes ?? undefined,
  };
}

function stateOf({ state }: SegmentRow): SegmentState {
  const name = states[state];
  assert.ok(name !== undefined, "a segment's state is none");
  return name;
}

/** The storage engine's part of the `owner` database. */
export class SqliteMetadata implements Metadata {
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof metadataStatements>;
  readonly #holders: HolderSets;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#sql = metadataStatements(db);
    this.#holders = new HolderSets(db);
  }

  beginVersion({ versionId, wrappedFek, fekEpoch }: NewVersion): void {
    transact(this.#db, () => this.#sql.insertVersion.run(versionId, wrappedFek, epochCell(fekEpoch)));
  }

  commitExtent(extent: ExtentRecord, segment: SegmentRecord): void {
    assert.deepEqual(extent.segmentId, segment.segmentId);
    transact(this.#db, () => {
      const version = this.#incomplete(extent.versionId);
      const { version_number: number } = version;
      assert.equal(extent.ordinal, this.#nextOrdinal(version), "the ordinal is not the next one");
      const segmentNumber = this.#ensureSegment(segment);
      const { ordinal, offsetBytes, plainBytes, salt } = extent;
      if (ordinal === 0) this.#sql.setFirstExtent.run(segmentNumber, offsetBytes, plainBytes, salt, number);
      else this.#sql.insertExtent.run(number, ordinal, segmentNumber, offsetBytes, plainBytes, salt);
    });
  }

  completeVersion(versionId: Uint8Array, plainBytes: number): void {
    transact(this.#db, () => {
      const { version_number: number } = this.#incomplete(versionId);
      const { bytes } = this.#sql.extentSum.get(number) as { bytes: number };
      assert.equal(plainBytes, bytes, "the extents do not add up to the version");
      this.#sql.completeVersion.run(plainBytes, number);
    });
  }

  removeVersion(versionId: Uint8Array): void {
    transact(this.#db, () => {
      const version = this.#version(versionId);
      if (version === undefined) return;
      const replacement = this.#replacementOf(versionId);
      this.#sql.deleteReplacement.run(versionId);
      this.#deleteVersion(version);
      if (replacement !== undefined) this.removeVersion(replacement.version_id);
    });
  }

  version(versionId: Uint8Array): VersionRecord | undefined {
    const row = this.#version(versionId);
    return row === undefined ? undefined : recordOf(row);
  }

  versionsBefore(epoch: number, after: Uint8Array, limit: number): readonly VersionRecord[] {
    return (this.#sql.versionsBefore.all(epoch, after, limit) as unknown as VersionRow[]).map(recordOf);
  }

  countBefore(epoch: number): { readonly versions: number; readonly plainBytes: number } {
    const { versions, plainBytes } = this.#sql.countBefore.get(epoch) as { versions: number; plainBytes: number };
    return { versions, plainBytes };
  }

  replaceContent(
    { versionId, wrappedFek, fekEpoch }: NewVersion,
    content: { readonly extent: ExtentRecord; readonly segment: SegmentRecord } | undefined,
  ): void {
    transact(this.#db, () => {
      const { version_number: number, plain_bytes: plainBytes } = this.#complete(versionId);
      assert.equal(plainBytes, content?.extent.plainBytes ?? 0, "the extent does not add up to the version");
      const segments = this.#segmentsOf(number);
      const cells: [number | null, number | null, number | null, Uint8Array | null] = [null, null, null, null];
      if (content !== undefined) {
        const { extent, segment } = content;
        assert.deepEqual([extent.versionId, extent.ordinal], [versionId, 0]);
        assert.deepEqual(extent.segmentId, segment.segmentId);
        assert.equal(this.#row(segment.segmentId), undefined, "the segment exists already");
        cells.splice(0, 4, this.#ensureSegment(segment), extent.offsetBytes, extent.plainBytes, extent.salt);
      }
      this.#sql.deleteExtents.run(number);
      this.#sql.setContent.run(wrappedFek, epochCell(fekEpoch), ...cells, number);
      for (const segment of segments) this.#sql.killUnused.run(segment);
    });
  }

  beginReplacement(of: Uint8Array, replacement: NewVersion): void {
    transact(this.#db, () => {
      this.#complete(of);
      assert.equal(this.#replacementOf(of), undefined, "the version is being replaced already");
      this.beginVersion(replacement);
      this.#sql.insertReplacement.run(replacement.versionId, of);
    });
  }

  replacementOf(versionId: Uint8Array): VersionRecord | undefined {
    const row = this.#replacementOf(versionId);
    return row === undefined ? undefined : recordOf(row);
  }

  replacements(limit: number): readonly Uint8Array[] {
    return (this.#sql.replacements.all(limit) as unknown as { id: Uint8Array }[]).map(({ id }) => id);
  }

  takeReplacement(versionId: Uint8Array, wrappedFek: Uint8Array): void {
    transact(this.#db, () => {
      const before = this.#complete(versionId);
      const after = this.#replacementOf(versionId);
      assert.ok(after !== undefined, "the version is not being replaced");
      const { bytes } = this.#sql.extentSum.get(after.version_number) as { bytes: number };
      assert.equal(before.plain_bytes, bytes, "the extents do not add up to the version");
      const shown = this.#sql.shown.get(before.version_number) as unknown as ShownCells;
      this.#sql.deleteReplacement.run(after.version_id);
      // The row of the version before goes, so that its removal is all that a large file's commit holds.
      this.#deleteVersion(before);
      this.#sql.takePlace.run(
        versionId,
        wrappedFek,
        bytes,
        shown.node_id,
        shown.media_type_number,
        shown.modified_at_ms,
        shown.uploaded_at_ms,
        shown.superseded_at_ms,
        after.version_number,
      );
      if (shown.node_id !== null) {
        this.#sql.setNodeVersion.run(after.version_number, shown.node_id, before.version_number);
      }
    });
  }

  extents(versionId: Uint8Array): readonly ExtentRecord[] {
    const version = this.#version(versionId);
    if (version === undefined) return [];
    const rows = this.#sql.extents.all(version.version_number) as unknown as ExtentRow[];
    return rows.map((row) => ({
      versionId,
      ordinal: row.ordinal,
      segmentId: row.segment_id,
      offsetBytes: row.offset_bytes,
      plainBytes: row.plain_bytes,
      salt: row.salt,
    }));
  }

  segment(segmentId: Uint8Array): SegmentRecord | undefined {
    const row = this.#row(segmentId);
    return row === undefined ? undefined : this.#fromRow(row);
  }

  segmentsIn(state: SegmentState | "under-placed", limit: number, skip = 0): readonly SegmentRecord[] {
    // Those with a partial index have a statement of their own, because their condition has to stand in the text.
    const rows = {
      pending: () => this.#sql.pending.all(limit, skip),
      dead: () => this.#sql.dead.all(limit, skip),
      placed: () => this.#sql.placed.all(limit, skip),
      "under-placed": () => this.#sql.underPlaced.all(limit, skip),
    }[state]();
    return (rows as unknown as SegmentRow[]).map((row) => this.#fromRow(row));
  }

  markPlaced(segmentId: Uint8Array, indexes: readonly number[]): void {
    // Losing it costs a question: the background asks holders that are not known to have their fragment.
    withoutWaiting(this.#db, () => {
      this.#changePlaced(segmentId, (placed) => [...new Set([...placed, ...indexes])]);
    });
  }

  markRemoved(segmentId: Uint8Array, indexes: readonly number[]): void {
    this.#changePlaced(segmentId, (placed) => placed.filter((index) => !indexes.includes(index)));
  }

  setSegmentState(segmentId: Uint8Array, state: SegmentState): void {
    transact(this.#db, () => this.#sql.setState.run(states.indexOf(state), segmentId));
  }

  reassign(segmentId: Uint8Array, to: Parameters<Metadata["reassign"]>[1]): void {
    transact(this.#db, () => {
      const row = this.#row(segmentId);
      if (row === undefined) return;
      assert.equal(states[row.state], "pending", "only a pending segment is assigned anew");
      const { setId, rotation } = this.#holders.store(to.holders);
      const { k, n, fragmentBytes, segmentRoot } = to;
      this.#sql.reassign.run(k, n, fragmentBytes, segmentRoot, setId, rotation, bitmapOf([], n), segmentId);
    });
  }

  forgetSegment(segmentId: Uint8Array): void {
    transact(this.#db, () => {
      const row = this.#row(segmentId);
      if (row === undefined) return;
      assert.equal(states[row.state], "dead", "only a dead segment is forgotten");
      this.#sql.forget.run(segmentId);
    });
  }

  /** Another content lies in the tables (a restored one): what is remembered of the one before is void. */
  contentReplaced(): void {
    this.#holders.forget();
  }

  /** Hex ids of the versions of which a part lies only on this device. */
  pendingVersionIds(): ReadonlySet<string> {
    const rows = this.#sql.pendingVersions.all() as unknown as { id: Uint8Array }[];
    return new Set(rows.map(({ id }) => toHex(id)));
  }

  /** Bytes of fragments each account (hex) is known to hold. */
  bytesByHolder(): ReadonlyMap<string, number> {
    const sums = new Map<string, number>();
    const rows = this.#sql.heldByHolder.all() as unknown as (SegmentRow & { bytes: number })[];
    for (const row of rows) {
      const holders = this.#holders.load({ setId: row.holder_set_id, rotation: row.rotation });
      for (const index of indexesOf(row.placed)) {
        const account = holders[index];
        if (account !== undefined) sums.set(account, (sums.get(account) ?? 0) + row.bytes);
      }
    }
    return sums;
  }

  #version(versionId: Uint8Array): VersionRow | undefined {
    return this.#sql.version.get(versionId) as unknown as VersionRow | undefined;
  }

  #replacementOf(versionId: Uint8Array): VersionRow | undefined {
    return this.#sql.replacementOf.get(versionId) as unknown as VersionRow | undefined;
  }

  #complete(versionId: Uint8Array): VersionRow {
    const version = this.#version(versionId);
    assert.ok(version !== undefined, "the version does not exist");
    assert.notEqual(version.plain_bytes, null, "the version is not complete");
    return version;
  }

  #segmentsOf(versionNumber: number): readonly number[] {
    return (this.#sql.segmentsOfVersion.all(versionNumber) as { number: number }[]).map(({ number }) => number);
  }

  #deleteVersion({ version_number: number }: VersionRow): void {
    const segments = this.#segmentsOf(number);
    this.#sql.deleteExtents.run(number);
    this.#sql.deleteVersion.run(number);
    for (const segment of segments) this.#sql.killUnused.run(segment);
  }

  #incomplete(versionId: Uint8Array): VersionRow {
    const version = this.#version(versionId);
    assert.ok(version !== undefined, "the version does not exist");
    assert.equal(version.plain_bytes, null, "the version is complete");
    return version;
  }

  #nextOrdinal({ version_number: number, segment_number: first }: VersionRow): number {
    if (first === null) return 0;
    return (this.#sql.lastOrdinal.get(number) as { last: number }).last + 1;
  }

  #row(segmentId: Uint8Array): SegmentRow | undefined {
    return this.#sql.segment.get(segmentId) as unknown as SegmentRow | undefined;
  }

  #fromRow(row: SegmentRow): SegmentRecord {
    return {
      segmentId: row.segment_id,
      segmentRoot: row.segment_root,
      k: row.k,
      n: row.n,
      sealedBytes: row.sealed_bytes,
      fragmentBytes: row.fragment_bytes,
      holders: this.#holders.load({ setId: row.holder_set_id, rotation: row.rotation }),
      placed: indexesOf(row.placed),
      state: stateOf(row),
      createdAtMs: row.created_at_ms,
    };
  }

  #ensureSegment(segment: SegmentRecord): number {
    const known = this.#row(segment.segmentId);
    if (known !== undefined) {
      assert.deepEqual(known.segment_root, segment.segmentRoot, "the segment is another one");
      return known.segment_number;
    }
    const { setId, rotation } = this.#holders.store(segment.holders);
    const { lastInsertRowid } = this.#sql.insertSegment.run(
      segment.segmentId,
      segment.segmentRoot,
      segment.k,
      segment.n,
      segment.sealedBytes,
      segment.fragmentBytes,
      setId,
      rotation,
      bitmapOf(segment.placed, segment.n),
      segment.placed.length,
      states.indexOf(segment.state),
      segment.createdAtMs,
    );
    return Number(lastInsertRowid);
  }

  #changePlaced(segmentId: Uint8Array, change: (placed: readonly number[]) => readonly number[]): void {
    transact(this.#db, () => {
      const row = this.#row(segmentId);
      if (row === undefined) return;
      const placed = change(indexesOf(row.placed));
      this.#sql.setPlaced.run(bitmapOf(placed, row.n), placed.length, row.segment_number);
    });
  }
}
