import type { DatabaseSync, StatementSync } from "node:sqlite";
import { withoutWaiting } from "../db/database.ts";
import type { OnConflict } from "./decide.ts";

export interface UploadRow {
  readonly upload_id: Uint8Array;
  readonly version_id: Uint8Array;
  readonly parent_id: number;
  readonly filename: string;
  readonly media_type: string;
  readonly size_bytes: number;
  readonly modified_at_ms: number | null;
  readonly on_conflict: OnConflict;
  readonly created_at_ms: number;
  readonly expires_at_ms: number;
  readonly node_id: number | null;
}

function statements(db: DatabaseSync) {
  return {
    insert: db.prepare("INSERT INTO upload VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)"),
    get: db.prepare("SELECT * FROM upload WHERE upload_id = ?"),
    unfinished: db.prepare("SELECT * FROM upload WHERE node_id IS NULL ORDER BY created_at_ms, upload_id"),
    count: db.prepare("SELECT count(*) AS count FROM upload WHERE node_id IS NULL"),
    finish: db.prepare("UPDATE upload SET node_id = ?, expires_at_ms = ? WHERE upload_id = ?"),
    extend: db.prepare("UPDATE upload SET expires_at_ms = ? WHERE upload_id = ?"),
    delete: db.prepare("DELETE FROM upload WHERE upload_id = ?"),
    expired: db.prepare("SELECT * FROM upload WHERE expires_at_ms <= ? ORDER BY expires_at_ms LIMIT ?"),
    putSegment: db.prepare("INSERT OR REPLACE INTO upload_segment VALUES (?, ?, ?)"),
    segments: db.prepare("SELECT end_bytes, blake3 FROM upload_segment WHERE upload_id = ?"),
    dropSegments: db.prepare("DELETE FROM upload_segment WHERE upload_id = ? AND end_bytes > ?"),
  } satisfies Record<string, StatementSync>;
}

/** Uploads in the owner database. Transactions are the caller's. */
export class UploadStore {
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof statements>;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#sql = statements(db);
  }

  insert(upload: Omit<UploadRow, "node_id">): void {
    this.#sql.insert.run(
      upload.upload_id,
      upload.version_id,
      upload.parent_id,
      upload.filename,
      upload.media_type,
      upload.size_bytes,
      upload.modified_at_ms,
      upload.on_conflict,
      upload.created_at_ms,
      upload.expires_at_ms,
    );
  }

  get(id: Uint8Array): UploadRow | undefined {
    return this.#sql.get.get(id) as unknown as UploadRow | undefined;
  }

  /** Oldest first. */
  unfinished(): UploadRow[] {
    return this.#sql.unfinished.all() as unknown as UploadRow[];
  }

  unfinishedCount(): number {
    return (this.#sql.count.get() as { count: number }).count;
  }

  /** The row is kept until it expires, so that a repeated request hears the same answer. */
  finish(id: Uint8Array, nodeId: number, expiresAtMs: number): void {
    this.#sql.finish.run(nodeId, expiresAtMs, id);
    this.#sql.dropSegments.run(id, -1);
  }

  extend(id: Uint8Array, expiresAtMs: number): void {
    this.#sql.extend.run(expiresAtMs, id);
  }

  delete(id: Uint8Array): void {
    this.#sql.delete.run(id);
  }

  expired(nowMs: number, limit: number): UploadRow[] {
    return this.#sql.expired.all(nowMs, limit) as unknown as UploadRow[];
  }

  putSegment(id: Uint8Array, endBytes: number, blake3: Uint8Array): void {
    // The commit of the segment itself waits for the disk, and comes after this.
    withoutWaiting(this.#db, () => void this.#sql.putSegment.run(id, endBytes, blake3));
  }

  /** Hash of the plaintext before each end, from the end before it. */
  segments(id: Uint8Array): ReadonlyMap<number, Uint8Array> {
    const rows = this.#sql.segments.all(id) as unknown as { end_bytes: number; blake3: Uint8Array }[];
    return new Map(rows.map((row) => [row.end_bytes, row.blake3]));
  }

  dropSegmentsAfter(id: Uint8Array, bytes: number): void {
    this.#sql.dropSegments.run(id, bytes);
  }
}
