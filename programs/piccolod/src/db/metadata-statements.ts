/** What `SqliteMetadata` asks of the owner database, and the rows it gets. */
import type { DatabaseSync, StatementSync } from "node:sqlite";

export interface SegmentRow {
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
  readonly state: number;
  readonly created_at_ms: number;
}

export interface VersionRow {
  readonly version_number: number;
  readonly version_id: Uint8Array;
  readonly wrapped_fek: Uint8Array;
  readonly fek_epoch: number | null;
  readonly plain_bytes: number | null;
  readonly segment_number: number | null;
}

/** What the tree shows of a version. */
export interface ShownCells {
  readonly node_id: number | null;
  readonly media_type_number: number | null;
  readonly modified_at_ms: number | null;
  readonly uploaded_at_ms: number | null;
  readonly superseded_at_ms: number | null;
}

export interface ExtentRow {
  readonly ordinal: number;
  readonly segment_id: Uint8Array;
  readonly offset_bytes: number;
  readonly plain_bytes: number;
  readonly salt: Uint8Array;
}

/** The epoch of a FEK as the table has it: NULL stands for the first, and for what older schemas did not say. */
export const firstFekEpoch = 1;

export function metadataStatements(db: DatabaseSync) {
  const version = "SELECT version_number, version_id, wrapped_fek, fek_epoch, plain_bytes, segment_number FROM version";
  const isBefore = `plain_bytes IS NOT NULL AND coalesce(fek_epoch, ${firstFekEpoch}) < ?`;
  const oldest = "ORDER BY created_at_ms, segment_number LIMIT ? OFFSET ?";
  return {
    insertVersion: db.prepare("INSERT INTO version (version_id, wrapped_fek, fek_epoch) VALUES (?, ?, ?)"),
    version: db.prepare(`${version} WHERE version_id = ?`),
    versionsBefore: db.prepare(`${version} WHERE ${isBefore} AND version_id > ? ORDER BY version_id LIMIT ?`),
    countBefore: db.prepare(
      `SELECT count(*) AS versions, coalesce(sum(plain_bytes), 0) AS plainBytes FROM version WHERE ${isBefore}`,
    ),
    setContent: db.prepare(
      `UPDATE version SET wrapped_fek = ?, fek_epoch = ?, segment_number = ?, offset_bytes = ?, extent_bytes = ?, salt = ?
       WHERE version_number = ?`,
    ),
    insertReplacement: db.prepare("INSERT INTO replacement VALUES (?, ?)"),
    deleteReplacement: db.prepare("DELETE FROM replacement WHERE version_id = ?"),
    replacementOf: db.prepare(`${version} WHERE version_id = (SELECT version_id FROM replacement WHERE replaces = ?)`),
    replacements: db.prepare("SELECT version_id AS id FROM replacement ORDER BY version_id LIMIT ?"),
    shown: db.prepare(
      `SELECT node_id, media_type_number, modified_at_ms, uploaded_at_ms, superseded_at_ms FROM version
       WHERE version_number = ?`,
    ),
    takePlace: db.prepare(
      `UPDATE version SET version_id = ?, wrapped_fek = ?, plain_bytes = ?, node_id = ?, media_type_number = ?,
       modified_at_ms = ?, uploaded_at_ms = ?, superseded_at_ms = ? WHERE version_number = ?`,
    ),
    setNodeVersion: db.prepare("UPDATE node SET version_number = ? WHERE node_id = ? AND version_number = ?"),
    completeVersion: db.prepare("UPDATE version SET plain_bytes = ? WHERE version_number = ?"),
    deleteVersion: db.prepare("DELETE FROM version WHERE version_number = ?"),
    lastOrdinal: db.prepare("SELECT coalesce(max(ordinal), 0) AS last FROM extent WHERE version_number = ?"),
    extentSum: db.prepare(
      `SELECT coalesce(extent_bytes, 0) + (SELECT coalesce(sum(extent.plain_bytes), 0) FROM extent
       WHERE extent.version_number = version.version_number) AS bytes FROM version WHERE version_number = ?`,
    ),
    setFirstExtent: db.prepare(
      "UPDATE version SET segment_number = ?, offset_bytes = ?, extent_bytes = ?, salt = ? WHERE version_number = ?",
    ),
    insertExtent: db.prepare("INSERT INTO extent VALUES (?, ?, ?, ?, ?, ?)"),
    extents: db.prepare(
      `SELECT 0 AS ordinal, segment_id, offset_bytes, extent_bytes AS plain_bytes, salt
       FROM version JOIN segment USING (segment_number) WHERE version_number = ?1
       UNION ALL SELECT ordinal, segment_id, offset_bytes, plain_bytes, salt
       FROM extent JOIN segment USING (segment_number) WHERE version_number = ?1 ORDER BY ordinal`,
    ),
    segmentsOfVersion: db.prepare(
      `SELECT segment_number AS number FROM version WHERE version_number = ?1 AND segment_number IS NOT NULL
       UNION SELECT segment_number FROM extent WHERE version_number = ?1`,
    ),
    deleteExtents: db.prepare("DELETE FROM extent WHERE version_number = ?"),
    killUnused: db.prepare(
      `UPDATE segment SET state = 2 WHERE segment_number = ?1
       AND NOT EXISTS (SELECT 1 FROM version WHERE segment_number = ?1)
       AND NOT EXISTS (SELECT 1 FROM extent WHERE segment_number = ?1)`,
    ),
    insertSegment: db.prepare(
      `INSERT INTO segment (segment_id, segment_root, k, n, sealed_bytes, fragment_bytes, holder_set_id, rotation,
       placed, placed_count, state, created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    segment: db.prepare("SELECT * FROM segment WHERE segment_id = ?"),
    placed: db.prepare(`SELECT * FROM segment WHERE state = 1 ${oldest}`),
    pending: db.prepare(`SELECT * FROM segment WHERE state = 0 ${oldest}`),
    dead: db.prepare(`SELECT * FROM segment WHERE state = 2 ${oldest}`),
    underPlaced: db.prepare(`SELECT * FROM segment WHERE state = 1 AND placed_count < n ${oldest}`),
    setPlaced: db.prepare("UPDATE segment SET placed = ?, placed_count = ? WHERE segment_number = ?"),
    setState: db.prepare("UPDATE segment SET state = ? WHERE segment_id = ?"),
    reassign: db.prepare(
      `UPDATE segment SET k = ?, n = ?, fragment_bytes = ?, segment_root = ?, holder_set_id = ?, rotation = ?,
       placed = ?, placed_count = 0 WHERE segment_id = ?`,
    ),
    forget: db.prepare("DELETE FROM segment WHERE segment_id = ?"),
    pendingVersions: db.prepare(
      // CROSS keeps the order: there are few pending segments and many versions.
      `SELECT version_id AS id FROM segment CROSS JOIN version USING (segment_number) WHERE state = 0
       UNION SELECT version_id FROM segment CROSS JOIN extent USING (segment_number)
       CROSS JOIN version USING (version_number) WHERE state = 0`,
    ),
    heldByHolder: db.prepare(
      `SELECT holder_set_id, rotation, placed, count(*) AS segments, sum(fragment_bytes) AS bytes FROM segment
       GROUP BY holder_set_id, rotation, placed`,
    ),
  } satisfies Record<string, StatementSync>;
}
