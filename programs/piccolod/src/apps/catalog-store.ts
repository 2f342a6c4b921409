import type { DatabaseSync, StatementSync } from "node:sqlite";
import { catalogId } from "@piccolo/app-manifest";
import { transact } from "../db/database.ts";

/** A catalog the owner added. */
export interface ListedCatalog {
  readonly id: string;
  /** Of the folder with its files. */
  readonly address: string;
  readonly publicKey: Uint8Array;
  /** Undefined until this device has fetched it. */
  readonly fetchedAtMs: number | undefined;
  /** Since then. */
  readonly failed: FailedLook | undefined;
}

/** As it was last fetched. */
export interface AddedCatalog extends Omit<ListedCatalog, "failed"> {
  readonly fetchedAtMs: number;
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

interface OwnerRow {
  readonly public_key: Uint8Array;
  readonly address: string;
}

interface FetchedRow extends OwnerRow {
  readonly catalog_id: string;
  readonly fetched_at_ms: number;
  readonly failed_code: string | null;
  readonly failed_at_ms: number | null;
  readonly adopted: number | null;
}
type AddedRow = FetchedRow & { readonly content: Uint8Array; readonly signature: Uint8Array };

/**
 * Catalogs: which the owner added says the owner database, which outlives the device; what was fetched of each lies in the
 * control database. What was seen of one outlives it: removed and added again, it is no older.
 */
export class CatalogStore {
  readonly #control: DatabaseSync;
  readonly #owner: DatabaseSync;
  readonly #sql: ReturnType<typeof statements>;

  constructor(control: DatabaseSync, owner: DatabaseSync) {
    this.#control = control;
    this.#owner = owner;
    this.#sql = statements(control, owner);
  }

  /** Those of the list that were fetched. */
  all(): readonly AddedCatalog[] {
    const listed = new Map(this.listed().map((one) => [one.id, one]));
    return (this.#sql.all.all() as unknown as AddedRow[]).flatMap((row) => {
      const one = listed.get(row.catalog_id);
      if (one === undefined) return [];
      const { id, address, publicKey } = one;
      const fetchedAtMs = row.fetched_at_ms;
      return [{ id, address, publicKey, index: row.content, signature: row.signature, fetchedAtMs }];
    });
  }

  /** Without what was fetched, which is large; by id. */
  listed(): readonly ListedCatalog[] {
    const fetched = new Map(this.#fetched().map((row) => [row.catalog_id, row]));
    const listed = this.#ofOwner().map(({ public_key: publicKey, address }) => {
      const id = catalogId(publicKey);
      const row = fetched.get(id);
      fetched.delete(id);
      return { id, address, publicKey, fetchedAtMs: row?.fetched_at_ms, failed: failedOf(row) };
    });
    const before = [...fetched.values()]
      .filter(({ adopted }) => adopted === null)
      .map((row) => ({
        id: row.catalog_id,
        address: row.address,
        publicKey: row.public_key,
        fetchedAtMs: row.fetched_at_ms,
        failed: failedOf(row),
      }));
    return [...listed, ...before].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  #ofOwner(): readonly OwnerRow[] {
    return this.#sql.ofOwner.all() as unknown as OwnerRow[];
  }

  #fetched(): readonly FetchedRow[] {
    return this.#sql.fetched.all() as unknown as FetchedRow[];
  }

  /**
   * One that the owner adds. The list comes first: after a power cut in between it is one that has to be fetched. Only where
   * the owner database may be changed.
   */
  put(catalog: AddedCatalog, seen: SeenCatalog): void {
    this.#list(catalog.publicKey, catalog.address);
    this.keep(catalog, seen);
  }

  /** As it was fetched, with what was seen of it, in one commit: else a power cut would leave one that is older than that. */
  keep({ id, address, publicKey, index, signature, fetchedAtMs }: AddedCatalog, seen: SeenCatalog): void {
    const adopted = this.#sql.isListed.get(publicKey) === undefined ? null : 1;
    transact(this.#control, () => {
      this.#sql.put.run(id, address, publicKey, index, signature, fetchedAtMs, adopted);
      this.see(id, seen);
    });
  }

  #list(publicKey: Uint8Array, address: string): void {
    transact(this.#owner, () => this.#sql.list.run(publicKey, address));
  }

  /** Only where the owner database may be changed. A power cut in between leaves what `tidy` takes away. */
  delete(id: string): void {
    const keys = this.#ofOwner().filter(({ public_key: publicKey }) => catalogId(publicKey) === id);
    transact(this.#owner, () => {
      for (const { public_key: publicKey } of keys) this.#sql.unlist.run(publicKey);
    });
    this.#sql.delete.run(id);
  }

  /**
   * Puts into the list what a release before it kept on the device alone, and takes away what is not on the list any more;
   * gives the ids of that. Only where the owner database may be changed, and is known to be the newest.
   */
  tidy(): readonly string[] {
    const listed = new Set(this.#ofOwner().map(({ public_key: publicKey }) => catalogId(publicKey)));
    const gone: string[] = [];
    for (const { catalog_id: id, public_key: publicKey, address, adopted } of this.#fetched()) {
      if (adopted === null) {
        // Of one that is listed already the list knows the place.
        if (!listed.has(id)) this.#list(publicKey, address);
        this.#sql.adopt.run(id);
      } else if (!listed.has(id)) {
        this.#sql.delete.run(id);
        gone.push(id);
      }
    }
    return gone;
  }

  putFailed(id: string, { code, atMs }: FailedLook): void {
    this.#sql.putFailed.run(code, atMs, id);
  }

  seen(id: string): SeenCatalog | undefined {
    return this.#sql.seen.get(id) as unknown as SeenCatalog | undefined;
  }

  see(id: string, { sequence, digest }: SeenCatalog): void {
    this.#sql.see.run(id, sequence, digest);
  }
}

function statements(control: DatabaseSync, owner: DatabaseSync) {
  return {
    all: control.prepare("SELECT * FROM app_catalog ORDER BY catalog_id"),
    fetched: control.prepare(`SELECT catalog_id, address, public_key, fetched_at_ms, failed_code, failed_at_ms, adopted
      FROM app_catalog`),
    put: control.prepare(`INSERT INTO app_catalog VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL, NULL, ?7)
      ON CONFLICT DO UPDATE SET address = ?2, public_key = ?3, content = ?4, signature = ?5, fetched_at_ms = ?6,
      failed_code = NULL, failed_at_ms = NULL, adopted = coalesce(?7, adopted)`),
    delete: control.prepare("DELETE FROM app_catalog WHERE catalog_id = ?"),
    adopt: control.prepare("UPDATE app_catalog SET adopted = 1 WHERE catalog_id = ?"),
    putFailed: control.prepare("UPDATE app_catalog SET failed_code = ?, failed_at_ms = ? WHERE catalog_id = ?"),
    seen: control.prepare("SELECT sequence, digest FROM app_catalog_seen WHERE catalog_id = ?"),
    see: control.prepare("INSERT OR REPLACE INTO app_catalog_seen VALUES (?, ?, ?)"),
    ofOwner: owner.prepare("SELECT public_key, address FROM listed_catalog"),
    isListed: owner.prepare("SELECT 1 FROM listed_catalog WHERE public_key = ?"),
    // Never a replaced row, which the digest of the content would not see go.
    list: owner.prepare(`INSERT INTO listed_catalog VALUES (?1, ?2)
      ON CONFLICT DO UPDATE SET address = ?2 WHERE address <> ?2`),
    unlist: owner.prepare("DELETE FROM listed_catalog WHERE public_key = ?"),
  } satisfies Record<string, StatementSync>;
}

function failedOf(row: FetchedRow | undefined): FailedLook | undefined {
  if (row === undefined || row.failed_code === null || row.failed_at_ms === null) return undefined;
  return { code: row.failed_code, atMs: row.failed_at_ms };
}
