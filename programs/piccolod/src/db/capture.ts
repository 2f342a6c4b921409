import assert from "node:assert/strict";
import type { DatabaseSync, Session, StatementSync } from "node:sqlite";
import { concat } from "@piccolo/bytes";
import type { Cell } from "./cells.ts";
import { columnsOf, RowSum } from "./content-digest.ts";
import type { TransactionObserver } from "./database.ts";
import { contentTables } from "./owner-schema.ts";

/**
 * Sees every change of the backed-up tables. What a transaction changed goes into the outbox by the transaction itself,
 * and the content's digest with it; a change outside of `transact` fails by an assertion before it is made.
 */
export class ContentCapture implements TransactionObserver {
  readonly #db: DatabaseSync;
  readonly #sum = new RowSum();
  readonly #putCommit: StatementSync;
  readonly #putDigest: StatementSync;
  readonly #listeners = new Set<() => void>();
  readonly #touched = new Set<string>();
  #sessions: ReadonlyMap<string, Session> = new Map();
  #isOpen = false;
  #isCaptured = true;
  #leavesCommit = false;
  /** The digest before the transaction. */
  #before = this.#sum.digest();

  /** `digest` is that of the content as it is. */
  constructor(db: DatabaseSync, digest: Uint8Array) {
    this.#db = db;
    this.#sum.set(digest);
    this.#putCommit = db.prepare("INSERT INTO outbox (changes, digest) VALUES (?, ?)");
    this.#putDigest = db.prepare("UPDATE log_position SET digest = ?");
    // Temporary triggers belong to this connection alone, so that a reader of the file needs no function of ours.
    db.function("content_row_added", { varargs: true }, (...row) => this.#changed("add", row as [string, ...Cell[]]));
    db.function("content_row_removed", { varargs: true }, (...row) =>
      this.#changed("remove", row as [string, ...Cell[]]),
    );
    for (const table of contentTables) db.exec(triggersOf(table, columnsOf(db, table)));
  }

  digest(): Uint8Array {
    return this.#sum.digest();
  }

  /** Called after each commit that left something in the outbox. Returns the way to stop. */
  onCommit(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Runs a transaction whose changes are no changes of this device's own: they do not go into the outbox. */
  uncaptured<T>(transaction: () => T): T {
    assert.ok(!this.#isOpen, "a transaction is open");
    this.#isCaptured = false;
    try {
      return transaction();
    } finally {
      this.#isCaptured = true;
    }
  }

  begun(): void {
    this.#isOpen = true;
    this.#before = this.#sum.digest();
    if (!this.#isCaptured) return;
    this.#sessions = new Map(contentTables.map((table) => [table, this.#db.createSession({ table })]));
  }

  committing(): void {
    if (this.#touched.size === 0) return;
    const digest = this.#sum.digest();
    this.#putDigest.run(digest);
    const changes = concat(
      ...contentTables
        .filter((table) => this.#touched.has(table))
        .map((table) => this.#sessions.get(table)?.changeset() ?? new Uint8Array(0)),
    );
    if (changes.length === 0) return;
    this.#putCommit.run(changes, digest);
    this.#leavesCommit = true;
  }

  ended(isCommitted: boolean): void {
    for (const session of this.#sessions.values()) session.close();
    const isHeard = isCommitted && this.#leavesCommit;
    this.#sessions = new Map();
    this.#touched.clear();
    this.#isOpen = false;
    this.#leavesCommit = false;
    if (!isCommitted) this.#sum.set(this.#before);
    if (isHeard) for (const listener of this.#listeners) listener();
  }

  #changed(how: "add" | "remove", [table, ...cells]: readonly [string, ...Cell[]]): null {
    assert.ok(this.#isOpen, "a change of the owner's content outside of a transaction");
    this.#touched.add(table);
    this.#sum[how](table, cells);
    return null;
  }
}

function triggersOf(table: string, columns: readonly string[]): string {
  const call = (name: string, row: string): string =>
    `SELECT content_row_${name}('${table}', ${columns.map((column) => `${row}.${column}`).join(", ")});`;
  const trigger = (on: string, body: string): string =>
    `CREATE TEMP TRIGGER content_${table}_${on} AFTER ${on} ON main.${table} BEGIN ${body} END;`;
  return [
    trigger("insert", call("added", "NEW")),
    trigger("update", call("removed", "OLD") + call("added", "NEW")),
    trigger("delete", call("removed", "OLD")),
  ].join("\n");
}
