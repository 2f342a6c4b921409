import type { DatabaseSync, StatementSync } from "node:sqlite";
import { transact } from "../db/database.ts";

const mostSessions = 100;

export interface SessionRow {
  readonly token_hash: Uint8Array;
  readonly created_at_ms: number;
  readonly expires_at_ms: number;
}

/** Sessions in the control database. */
export class SessionStore {
  readonly #db: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #get: StatementSync;
  readonly #extend: StatementSync;
  readonly #delete: StatementSync;
  readonly #deleteOthers: StatementSync;
  readonly #deleteExpired: StatementSync;
  readonly #deleteOldest: StatementSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#insert = db.prepare("INSERT INTO session VALUES (?, ?, ?)");
    this.#get = db.prepare("SELECT * FROM session WHERE token_hash = ?");
    this.#extend = db.prepare("UPDATE session SET expires_at_ms = ? WHERE token_hash = ?");
    this.#delete = db.prepare("DELETE FROM session WHERE token_hash = ?");
    this.#deleteOthers = db.prepare("DELETE FROM session WHERE token_hash <> ? RETURNING token_hash");
    this.#deleteExpired = db.prepare("DELETE FROM session WHERE expires_at_ms <= ? RETURNING token_hash");
    this.#deleteOldest = db.prepare(
      `DELETE FROM session WHERE token_hash IN
       (SELECT token_hash FROM session ORDER BY expires_at_ms DESC LIMIT -1 OFFSET ?) RETURNING token_hash`,
    );
  }

  /** The hashes of the sessions that ended by it: those too old, and the oldest where there are too many. */
  insert(tokenHash: Uint8Array, nowMs: number, expiresAtMs: number): readonly Uint8Array[] {
    return transact(this.#db, () => {
      const expired = this.#deleteExpired.all(nowMs);
      this.#insert.run(tokenHash, nowMs, expiresAtMs);
      return hashesOf([...expired, ...this.#deleteOldest.all(mostSessions)]);
    });
  }

  get(tokenHash: Uint8Array): SessionRow | undefined {
    return this.#get.get(tokenHash) as unknown as SessionRow | undefined;
  }

  extend(tokenHash: Uint8Array, expiresAtMs: number): void {
    this.#extend.run(expiresAtMs, tokenHash);
  }

  delete(tokenHash: Uint8Array): void {
    this.#delete.run(tokenHash);
  }

  /** The hashes of the sessions that ended. */
  deleteOthers(tokenHash: Uint8Array): readonly Uint8Array[] {
    return hashesOf(this.#deleteOthers.all(tokenHash));
  }
}

function hashesOf(rows: readonly unknown[]): readonly Uint8Array[] {
  return (rows as Pick<SessionRow, "token_hash">[]).map(({ token_hash: hash }) => hash);
}
