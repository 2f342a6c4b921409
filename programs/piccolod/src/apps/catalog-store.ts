import type { DatabaseSync, StatementSync } from "node:sqlite";
import { transact } from "../db/database.ts";

/** A catalog the owner added. */
export interface ListedCatalog {
  readonly id: string;
  /** Of the folder with its files. */
  readonly address: string;
  readonly publicKey: Uint8Array;
  readonly fetchedAtMs: number;
  /** Since then. */
  readonly failed: FailedLook | undefined;
}

/** As it was last fetched. */
export interface AddedCatalog extends Omit<ListedCatalog, "failed"> {
  readonly index: Uint8Array;
  readonly signature: Uint8Array;
}

/** Of the last look for a newer one, where it failed: a code of `catalogFaults` or `catalogSourceFaults`. */
export interface FailedLook {
  readonly code: string;
  readonly atMs: number;
}

/** The newest that was ever taken under a key. */
export interface SeenCatalog {
  readonly sequence: number;
  /** SHA-256 of the index; hexadecimal. */
  readonly digest: string;
}

interface ListedRow {
  readonly catalog_id: string;
  readonly address: string;
  readonly public_key: Uint8Array;
  readonly fetched_at_ms: number;
  readonly failed_code: string | null;
  readonly failed_at_ms: number | null;
}
type AddedRow = ListedRow & { readonly content: Uint8Array; readonly signature: Uint8Array };

/** Catalogs in the control database. What was seen of one outlives it: removed and added again, it is no older. */
export class CatalogStore {
  readonly #db: DatabaseSync;
  readonly #all: StatementSync;
  readonly #listed: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #putFailed: StatementSync;
  readonly #seen: StatementSync;
  readonly #see: StatementSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#all = db.prepare("SELECT * FROM app_catalog ORDER BY catalog_id");
    this.#listed = db.prepare(`SELECT catalog_id, address, public_key, fetched_at_ms, failed_code, failed_at_ms
      FROM app_catalog ORDER BY catalog_id`);
    this.#put = db.prepare("INSERT OR REPLACE INTO app_catalog VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)");
    this.#delete = db.prepare("DELETE FROM app_catalog WHERE catalog_id = ?");
    this.#putFailed = db.prepare("UPDATE app_catalog SET failed_code = ?, failed_at_ms = ? WHERE catalog_id = ?");
    this.#seen = db.prepare("SELECT sequence, digest FROM app_catalog_seen WHERE catalog_id = ?");
    this.#see = db.prepare("INSERT OR REPLACE INTO app_catalog_seen VALUES (?, ?, ?)");
  }

  all(): readonly AddedCatalog[] {
    return (this.#all.all() as unknown as AddedRow[]).map((row) => ({
      id: row.catalog_id,
      address: row.address,
      publicKey: row.public_key,
      index: row.content,
      signature: row.signature,
      fetchedAtMs: row.fetched_at_ms,
    }));
  }

  /** Without what was fetched, which is large. */
  listed(): readonly ListedCatalog[] {
    return (this.#listed.all() as unknown as ListedRow[]).map((row) => ({
      id: row.catalog_id,
      address: row.address,
      publicKey: row.public_key,
      fetchedAtMs: row.fetched_at_ms,
      failed:
        row.failed_code === null || row.failed_at_ms === null
          ? undefined
          : { code: row.failed_code, atMs: row.failed_at_ms },
    }));
  }

  /** With what was seen of it, in one commit: else a power cut would leave one that is older than what was seen. */
  put({ id, address, publicKey, index, signature, fetchedAtMs }: AddedCatalog, seen: SeenCatalog): void {
    transact(this.#db, () => {
      this.#put.run(id, address, publicKey, index, signature, fetchedAtMs);
      this.see(id, seen);
    });
  }

  delete(id: string): void {
    this.#delete.run(id);
  }

  putFailed(id: string, { code, atMs }: FailedLook): void {
    this.#putFailed.run(code, atMs, id);
  }

  seen(id: string): SeenCatalog | undefined {
    return this.#seen.get(id) as unknown as SeenCatalog | undefined;
  }

  see(id: string, { sequence, digest }: SeenCatalog): void {
    this.#see.run(id, sequence, digest);
  }
}
