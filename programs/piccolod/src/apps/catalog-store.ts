import type { DatabaseSync, StatementSync } from "node:sqlite";

/** A catalog the owner added, as it was last fetched. */
export interface AddedCatalog {
  readonly id: string;
  /** Of the folder with its files. */
  readonly address: string;
  readonly publicKey: Uint8Array;
  readonly index: Uint8Array;
  readonly signature: Uint8Array;
  readonly fetchedAtMs: number;
}

/** The newest that was ever taken under a key. */
export interface SeenCatalog {
  readonly sequence: number;
  /** SHA-256 of the index; hexadecimal. */
  readonly digest: string;
}

interface AddedRow {
  readonly catalog_id: string;
  readonly address: string;
  readonly public_key: Uint8Array;
  readonly content: Uint8Array;
  readonly signature: Uint8Array;
  readonly fetched_at_ms: number;
}

/** Catalogs in the control database. What was seen of one outlives it: removed and added again, it is no older. */
export class CatalogStore {
  readonly #all: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #seen: StatementSync;
  readonly #see: StatementSync;

  constructor(db: DatabaseSync) {
    this.#all = db.prepare("SELECT * FROM app_catalog ORDER BY catalog_id");
    this.#put = db.prepare("INSERT OR REPLACE INTO app_catalog VALUES (?, ?, ?, ?, ?, ?)");
    this.#delete = db.prepare("DELETE FROM app_catalog WHERE catalog_id = ?");
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

  put({ id, address, publicKey, index, signature, fetchedAtMs }: AddedCatalog): void {
    this.#put.run(id, address, publicKey, index, signature, fetchedAtMs);
  }

  delete(id: string): void {
    this.#delete.run(id);
  }

  seen(id: string): SeenCatalog | undefined {
    return this.#seen.get(id) as unknown as SeenCatalog | undefined;
  }

  see(id: string, { sequence, digest }: SeenCatalog): void {
    this.#see.run(id, sequence, digest);
  }
}
