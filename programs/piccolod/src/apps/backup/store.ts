import assert from "node:assert/strict";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { fromHex, toHex } from "@piccolo/bytes";
import { transact } from "../../db/database.ts";
import type { BackupFacts, StoredBackup, StoredChunk } from "./types.ts";

interface BackupRow {
  readonly backup_id: Uint8Array;
  readonly app_id: string;
  readonly taken_at_ms: number;
  readonly version_id: Uint8Array;
  readonly document_bytes: number;
  readonly facts: string;
}

interface ChunkRow {
  readonly chunk_number: number;
  readonly version_id: Uint8Array;
  readonly stored_bytes: number;
}

function statements(db: DatabaseSync) {
  const backup = "SELECT backup_id, app_id, taken_at_ms, version_id, document_bytes, facts FROM app_backup";
  return {
    all: db.prepare(`${backup} ORDER BY app_id, taken_at_ms DESC, backup_id`),
    ofApp: db.prepare(`${backup} WHERE app_id = ? ORDER BY taken_at_ms DESC, backup_id`),
    get: db.prepare(`${backup} WHERE backup_id = ?`),
    insert: db.prepare("INSERT INTO app_backup VALUES (?, ?, ?, ?, ?, ?, ?)"),
    delete: db.prepare("DELETE FROM app_backup WHERE backup_id = ?"),
    used: db.prepare("SELECT chunks FROM app_backup"),
    chunks: db.prepare("SELECT chunks FROM app_backup WHERE backup_id = ?"),
    byHash: db.prepare("SELECT chunk_number, version_id, stored_bytes FROM app_chunk WHERE hash = ?"),
    byNumber: db.prepare("SELECT chunk_number, version_id, stored_bytes FROM app_chunk WHERE chunk_number = ?"),
    insertChunk: db.prepare(
      "INSERT INTO app_chunk (hash, version_id, stored_bytes, created_at_ms) VALUES (?, ?, ?, ?)",
    ),
    distrust: db.prepare("UPDATE app_chunk SET hash = NULL WHERE chunk_number = ?"),
    older: db.prepare("SELECT chunk_number, version_id, stored_bytes FROM app_chunk WHERE created_at_ms < ?"),
    deleteChunk: db.prepare("DELETE FROM app_chunk WHERE chunk_number = ?"),
  } satisfies Record<string, StatementSync>;
}

/** Backups in the owner database. Each method is one transaction, or joins the caller's. */
export class BackupStore {
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof statements>;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#sql = statements(db);
  }

  /** By app, newest first. */
  all(): readonly StoredBackup[] {
    return (this.#sql.all.all() as unknown as BackupRow[]).map(backupOf);
  }

  /** Newest first. */
  ofApp(app: string): readonly StoredBackup[] {
    return (this.#sql.ofApp.all(app) as unknown as BackupRow[]).map(backupOf);
  }

  get(id: string): StoredBackup | undefined {
    if (!/^[0-9a-f]{32}$/.test(id)) return undefined;
    const row = this.#sql.get.get(fromHex(id)) as unknown as BackupRow | undefined;
    return row === undefined ? undefined : backupOf(row);
  }

  insert(backup: StoredBackup, chunks: ReadonlySet<number>): void {
    const { id, app, takenAtMs, versionId, documentBytes, facts } = backup;
    transact(this.#db, () => {
      const cell = numbersCell(chunks);
      this.#sql.insert.run(fromHex(id), app, takenAtMs, versionId, documentBytes, JSON.stringify(facts), cell);
    });
  }

  delete(id: string): void {
    transact(this.#db, () => this.#sql.delete.run(fromHex(id)));
  }

  /** The backup's chunks, for who knows their hashes by its document. */
  chunksOf(id: string): readonly StoredChunk[] {
    const row = this.#sql.chunks.get(fromHex(id)) as { readonly chunks: Uint8Array } | undefined;
    return numbersOf(row?.chunks ?? new Uint8Array(0)).map((number) => this.#chunk(number));
  }

  #chunk(number: number): StoredChunk {
    const row = this.#sql.byNumber.get(number) as unknown as ChunkRow | undefined;
    assert.ok(row !== undefined, "a backup has a chunk that is gone");
    return chunkOf(row);
  }

  findChunk(hash: Uint8Array): StoredChunk | undefined {
    const row = this.#sql.byHash.get(hash) as unknown as ChunkRow | undefined;
    return row === undefined ? undefined : chunkOf(row);
  }

  insertChunk(hash: Uint8Array, versionId: Uint8Array, storedBytes: number, nowMs: number): number {
    return transact(this.#db, () =>
      Number(this.#sql.insertChunk.run(hash, versionId, storedBytes, nowMs).lastInsertRowid),
    );
  }

  /** No further backup shares it. */
  distrust(chunk: number): void {
    transact(this.#db, () => this.#sql.distrust.run(chunk));
  }

  /** Chunks no backup has, made before a time, at most `limit`; those in `held` are somebody's under way. */
  unused(beforeMs: number, held: ReadonlySet<number>, limit: number): readonly StoredChunk[] {
    const used = new Set(
      (this.#sql.used.all() as { readonly chunks: Uint8Array }[]).flatMap(({ chunks }) => numbersOf(chunks)),
    );
    const found: StoredChunk[] = [];
    for (const row of this.#sql.older.iterate(beforeMs) as Iterable<unknown>) {
      const chunk = chunkOf(row as ChunkRow);
      if (used.has(chunk.number) || held.has(chunk.number)) continue;
      found.push(chunk);
      if (found.length === limit) break;
    }
    return found;
  }

  deleteChunk(number: number): void {
    transact(this.#db, () => this.#sql.deleteChunk.run(number));
  }
}

function numbersCell(numbers: ReadonlySet<number>): Uint8Array {
  const cell = new Uint8Array(numbers.size * 4);
  const view = new DataView(cell.buffer);
  for (const [at, number] of [...numbers].toSorted((a, b) => a - b).entries()) view.setUint32(at * 4, number);
  return cell;
}

function numbersOf(cell: Uint8Array): number[] {
  const view = new DataView(cell.buffer, cell.byteOffset, cell.byteLength);
  return Array.from({ length: cell.length / 4 }, (_, at) => view.getUint32(at * 4));
}

function backupOf(row: BackupRow): StoredBackup {
  return {
    id: toHex(row.backup_id),
    app: row.app_id,
    takenAtMs: row.taken_at_ms,
    versionId: row.version_id,
    documentBytes: row.document_bytes,
    facts: JSON.parse(row.facts) as BackupFacts,
  };
}

function chunkOf(row: ChunkRow): StoredChunk {
  return { number: row.chunk_number, versionId: row.version_id, storedBytes: row.stored_bytes };
}
