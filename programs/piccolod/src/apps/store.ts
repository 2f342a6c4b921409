import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { AppManifest, GrantKind } from "@piccolo/app-manifest";
import { transact } from "../db/database.ts";
import type { AppRecord, Wanted } from "./types.ts";

interface AppRow {
  readonly app_id: string;
  readonly manifest: string;
  readonly wanted: Wanted;
  readonly id_start: number;
  readonly slot: number;
  readonly generation: number;
  readonly grants: string;
  readonly settings: string;
  readonly installed_at_ms: number;
  readonly removed_at_ms: number | null;
}

/** Apps in the control database. */
export class AppStore {
  readonly #db: DatabaseSync;
  readonly #all: StatementSync;
  readonly #get: StatementSync;
  readonly #insert: StatementSync;
  readonly #want: StatementSync;
  readonly #delete: StatementSync;
  readonly #secrets: StatementSync;
  readonly #putSecret: StatementSync;
  readonly #key: StatementSync;
  readonly #putKey: StatementSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#all = db.prepare("SELECT * FROM app ORDER BY app_id");
    this.#get = db.prepare("SELECT * FROM app WHERE app_id = ?");
    this.#insert = db.prepare("INSERT INTO app VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)");
    this.#want = db.prepare("UPDATE app SET wanted = ?, removed_at_ms = ? WHERE app_id = ?");
    this.#delete = db.prepare("DELETE FROM app WHERE app_id = ?");
    this.#secrets = db.prepare("SELECT name, value FROM app_secret WHERE app_id = ?");
    this.#putSecret = db.prepare("INSERT OR REPLACE INTO app_secret VALUES (?, ?, ?)");
    this.#key = db.prepare("SELECT key FROM app_key WHERE purpose = ?");
    this.#putKey = db.prepare("INSERT OR IGNORE INTO app_key VALUES (?, ?)");
  }

  all(): readonly AppRecord[] {
    return (this.#all.all() as unknown as AppRow[]).map(recordOf);
  }

  get(id: string): AppRecord | undefined {
    const row = this.#get.get(id) as unknown as AppRow | undefined;
    return row === undefined ? undefined : recordOf(row);
  }

  insert(app: Omit<AppRecord, "removedAtMs">, secrets: Readonly<Record<string, string>>): void {
    transact(this.#db, () => {
      this.#insert.run(
        app.id,
        JSON.stringify(app.manifest),
        app.wanted,
        app.idStart,
        app.slot,
        app.generation,
        JSON.stringify(app.grants),
        JSON.stringify(app.settings),
        app.installedAtMs,
      );
      for (const [name, value] of Object.entries(secrets)) this.#putSecret.run(app.id, name, value);
    });
  }

  want(id: string, wanted: Wanted, removedAtMs?: number): void {
    this.#want.run(wanted, removedAtMs ?? null, id);
  }

  delete(id: string): void {
    this.#delete.run(id);
  }

  secretsOf(id: string): Readonly<Record<string, string>> {
    const rows = this.#secrets.all(id) as unknown as { readonly name: string; readonly value: string }[];
    return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
  }

  /** The key of that purpose, made by `make` where there is none. */
  key(purpose: string, make: () => Uint8Array): Uint8Array {
    this.#putKey.run(purpose, make());
    const { key } = this.#key.get(purpose) as { readonly key: Uint8Array };
    return key;
  }
}

function recordOf(row: AppRow): AppRecord {
  return {
    id: row.app_id,
    manifest: JSON.parse(row.manifest) as AppManifest,
    wanted: row.wanted,
    idStart: row.id_start,
    slot: row.slot,
    generation: row.generation,
    grants: JSON.parse(row.grants) as GrantKind[],
    settings: JSON.parse(row.settings) as Record<string, string>,
    installedAtMs: row.installed_at_ms,
    removedAtMs: row.removed_at_ms ?? undefined,
  };
}
