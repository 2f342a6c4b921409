import assert from "node:assert/strict";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { toHex } from "@piccolo/bytes";
import type { ExtentRecord, Metadata, SegmentRecord, SegmentState, VersionRecord } from "@piccolo/storage/ports";
import { transact, withoutWaiting } from "./database.ts";
import { bitmapOf, HolderSets, indexesOf } from "./holder-sets.ts";

interface SegmentRow {
  readonly segment_number: number;
  readonly segment_id: Uint8Array;
  readonly segment_root: Uint8Array;
  readonly k: number;
  readonly n: number;
  readonly sealed_bytes: number;
  readonly fragment_bytes: number;
  readonly holder_set_id: number;
  readonly rotation: number;
  readonly placed: Uint8Array;
  readonly state: SegmentState;
  readonly created_at_ms: number;
}

interface ExtentRow {
  readonly ordinal: number;
  readonly segment_id: Uint8Array;
  readonly offset_bytes: number;
  readonly plain_bytes: number;
  readonly salt: Uint8Array;
}

function statements(db: DatabaseSync) {
  const oldest = "ORDER BY created_at_ms, segment_number LIMIT ? OFFSET ?";
  return {
    insertVersion: db.prepare("INSERT INTO version (version_id, wrapped_fek) VALUES (?, ?)"),
    version: db.prepare("SELECT wrapped_fek, plain_bytes FROM version WHERE version_id = ?"),
    completeVersion: db.prepare("UPDATE version SET plain_bytes = ? WHERE version_id = ?"),
    deleteVersion: db.prepare("DELETE FROM version WHERE version_id = ?"),
    nextOrdinal: db.prepare("SELECT coalesce(max(ordinal) + 1, 0) AS next FROM extent WHERE version_id = ?"),
    extentSum: db.prepare("SELECT coalesce(sum(plain_bytes), 0) AS bytes FROM extent WHERE version_id = ?"),
    insertExtent: db.prepare("INSERT INTO extent VALUES (?, ?, ?, ?, ?, ?)"),
    extents: db.prepare(
      `SELECT ordinal, segment_id, offset_bytes, plain_bytes, salt FROM extent JOIN segment USING (segment_number)
       WHERE version_id = ? ORDER BY ordinal`,
    ),
    segmentsOfVersion: db.prepare("SELECT DISTINCT segment_number AS number FROM extent WHERE version_id = ?"),
    deleteExtents: db.prepare("DELETE FROM extent WHERE version_id = ?"),
    killUnused: db.prepare(
      `UPDATE segment SET state = 'dead' WHERE segment_number = ?1
       AND NOT EXISTS (SELECT 1 FROM extent WHERE segment_number = ?1)`,
    ),
    insertSegment: db.prepare(
      `INSERT INTO segment (segment_id, segment_root, k, n, sealed_bytes, fragment_bytes, holder_set_id, rotation,
       placed, placed_count, state, created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    segment: db.prepare("SELECT * FROM segment WHERE segment_id = ?"),
    inState: db.prepare(`SELECT * FROM segment WHERE state = ? ${oldest}`),
    pending: db.prepare(`SELECT * FROM segment WHERE state = 'pending' ${oldest}`),
    dead: db.prepare(`SELECT * FROM segment WHERE state = 'dead' ${oldest}`),
    underPlaced: db.prepare(`SELECT * FROM segment WHERE state = 'placed' AND placed_count < n ${oldest}`),
    setPlaced: db.prepare("UPDATE segment SET placed = ?, placed_count = ? WHERE segment_number = ?"),
    setState: db.prepare("UPDATE segment SET state = ? WHERE segment_id = ?"),
    reassign: db.prepare(
      `UPDATE segment SET k = ?, n = ?, fragment_bytes = ?, segment_root = ?, holder_set_id = ?, rotation = ?,
       placed = ?, placed_count = 0 WHERE segment_id = ?`,
    ),
    forget: db.prepare("DELETE FROM segment WHERE segment_id = ?"),
    pendingVersions: db.prepare(
      // CROSS keeps the order: there are few pending segments and many extents.
      "SELECT DISTINCT version_id AS id FROM segment CROSS JOIN extent USING (segment_number) WHERE state = 'pending'",
    ),
    heldByHolder: db.prepare(
      `SELECT holder_set_id, rotation, placed, count(*) AS segments, sum(fragment_bytes) AS bytes FROM segment
       GROUP BY holder_set_id, rotation, placed`,
    ),
  } satisfies Record<string, StatementSync>;
}

/** The storage engine's part of the `owner` database. */
export class SqliteMetadata implements Metadata {
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof statements>;
  readonly #holders: HolderSets;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#sql = statements(db);
    this.#holders = new HolderSets(db);
  }

  beginVersion({ versionId, wrappedFek }: Pick<VersionRecord, "versionId" | "wrappedFek">): void {
    this.#sql.insertVersion.run(versionId, wrappedFek);
  }

  commitExtent(extent: ExtentRecord, segment: SegmentRecord): void {
    assert.deepEqual(extent.segmentId, segment.segmentId);
    transact(this.#db, () => {
      const version = this.version(extent.versionId);
      assert.ok(version !== undefined, "the version does not exist");
      assert.equal(version.plainBytes, undefined, "the version is complete");
      const { next } = this.#sql.nextOrdinal.get(extent.versionId) as { next: number };
      assert.equal(extent.ordinal, next, "the ordinal is not the next one");
      const segmentNumber = this.#ensureSegment(segment);
      const { versionId, ordinal, offsetBytes, plainBytes, salt } = extent;
      this.#sql.insertExtent.run(versionId, ordinal, segmentNumber, offsetBytes, plainBytes, salt);
    });
  }

  completeVersion(versionId: Uint8Array, plainBytes: number): void {
    transact(this.#db, () => {
      const version = this.version(versionId);
      assert.ok(version !== undefined, "the version does not exist");
      assert.equal(version.plainBytes, undefined, "the version is complete");
      const { bytes } = this.#sql.extentSum.get(versionId) as { bytes: number };
      assert.equal(plainBytes, bytes, "the extents do not add up to the version");
      this.#sql.completeVersion.run(plainBytes, versionId);
    });
  }

  removeVersion(versionId: Uint8Array): void {
    transact(this.#db, () => {
      const segments = this.#sql.segmentsOfVersion.all(versionId) as { number: number }[];
      this.#sql.deleteExtents.run(versionId);
      this.#sql.deleteVersion.run(versionId);
      for (const { number } of segments) this.#sql.killUnused.run(number);
    });
  }

  version(versionId: Uint8Array): VersionRecord | undefined {
    const row = this.#sql.version.get(versionId) as unknown as
      | { wrapped_fek: Uint8Array; plain_bytes: number | null }
      | undefined;
    if (row === undefined) return undefined;
    return { versionId, wrappedFek: row.wrapped_fek, plainBytes: row.plain_bytes ?? undefined };
  }

  extents(versionId: Uint8Array): readonly ExtentRecord[] {
    const rows = this.#sql.extents.all(versionId) as unknown as ExtentRow[];
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
      placed: () => this.#sql.inState.all("placed", limit, skip),
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
    this.#sql.setState.run(state, segmentId);
  }

  reassign(segmentId: Uint8Array, to: Parameters<Metadata["reassign"]>[1]): void {
    transact(this.#db, () => {
      const row = this.#row(segmentId);
      if (row === undefined) return;
      assert.equal(row.state, "pending", "only a pending segment is assigned anew");
      const { setId, rotation } = this.#holders.store(to.holders);
      const { k, n, fragmentBytes, segmentRoot } = to;
      this.#sql.reassign.run(k, n, fragmentBytes, segmentRoot, setId, rotation, bitmapOf([], n), segmentId);
    });
  }

  forgetSegment(segmentId: Uint8Array): void {
    const row = this.#row(segmentId);
    if (row === undefined) return;
    assert.equal(row.state, "dead", "only a dead segment is forgotten");
    this.#sql.forget.run(segmentId);
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
      state: row.state,
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
      segment.state,
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
