import type { Database } from "../db/database.ts";

/** Sealed slots by their locator. Callers bring the transaction that makes several calls one. */
export class SlotStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  find(locator: Uint8Array): Uint8Array | undefined {
    const row = this.#database.get("SELECT slot FROM slots WHERE locator = ?", locator);
    return row?.["slot"] as Uint8Array | undefined;
  }

  /** All of the account, and the one under the locator whoever's it is. */
  keptWith(account: Uint8Array, locator: Uint8Array): readonly Uint8Array[] {
    return this.#database
      .all("SELECT slot FROM slots WHERE account = ? OR locator = ?", account, locator)
      .map((row) => row["slot"] as Uint8Array);
  }

  put(account: Uint8Array, locator: Uint8Array, slot: Uint8Array): void {
    this.#database.run("INSERT INTO slots VALUES (?, ?, ?)", locator, account, slot);
  }

  delete(locator: Uint8Array): void {
    this.#database.run("DELETE FROM slots WHERE locator = ?", locator);
  }
}
