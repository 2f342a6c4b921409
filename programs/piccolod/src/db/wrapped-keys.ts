import type { DatabaseSync } from "node:sqlite";
import { lockedFekFormat } from "@piccolo/envelope";
import type { WrappedKeyRow, WrappedKeys } from "../security/rekey.ts";
import { transact } from "./database.ts";

/** The wrapped file keys in the owner database, walked through in the order of their versions. */
export class SqliteWrappedKeys implements WrappedKeys {
  readonly #db: DatabaseSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  sealedWhileLocked(after: Uint8Array, limit: number): readonly WrappedKeyRow[] {
    const rows = this.#db
      .prepare(
        "SELECT version_id, wrapped_fek FROM version WHERE version_id > ? AND substr(wrapped_fek, 1, 1) = ? " +
          "ORDER BY version_id LIMIT ?",
      )
      .all(after, new Uint8Array([lockedFekFormat]), limit) as { version_id: Uint8Array; wrapped_fek: Uint8Array }[];
    return rows.map((row) => ({ versionId: row.version_id, wrapped: row.wrapped_fek }));
  }

  page(after: Uint8Array, limit: number): readonly WrappedKeyRow[] {
    const rows = this.#db
      .prepare("SELECT version_id, wrapped_fek FROM version WHERE version_id > ? ORDER BY version_id LIMIT ?")
      .all(after, limit) as { version_id: Uint8Array; wrapped_fek: Uint8Array }[];
    return rows.map((row) => ({ versionId: row.version_id, wrapped: row.wrapped_fek }));
  }

  replace(rows: readonly (WrappedKeyRow & { readonly before: Uint8Array })[]): void {
    transact(this.#db, () => {
      const update = this.#db.prepare("UPDATE version SET wrapped_fek = ? WHERE version_id = ? AND wrapped_fek = ?");
      for (const { versionId, wrapped, before } of rows) update.run(wrapped, versionId, before);
    });
  }
}
