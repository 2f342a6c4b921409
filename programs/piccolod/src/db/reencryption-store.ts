import type { DatabaseSync } from "node:sqlite";
import type { ReencryptionStore } from "../security/reencrypt.ts";
import { transact } from "./database.ts";

/** That the owner wants new keys for all files, in the owner database beside what is under way of it. */
export class SqliteReencryptionStore implements ReencryptionStore {
  readonly #db: DatabaseSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  wanted(): { readonly versions: number; readonly plainBytes: number } | undefined {
    const row = this.#db.prepare("SELECT versions, plain_bytes FROM reencryption").get();
    if (row === undefined) return undefined;
    return { versions: Number(row["versions"]), plainBytes: Number(row["plain_bytes"]) };
  }

  want({ versions, plainBytes }: { readonly versions: number; readonly plainBytes: number }): void {
    transact(this.#db, () => {
      this.#db.prepare("INSERT OR REPLACE INTO reencryption VALUES (1, ?, ?)").run(versions, plainBytes);
    });
  }

  forget(): void {
    transact(this.#db, () => this.#db.exec("DELETE FROM reencryption"));
  }
}
