import assert from "node:assert/strict";
import { chmodSync, closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { diskFullOf, sqliteFull } from "../room/disk-full.ts";
import { databaseFaults } from "./faults.ts";

export interface DatabaseOptions {
  /** Shown in faults. */
  readonly name: string;
  /** FULL: a commit survives a power cut. NORMAL: it survives the end of the process; for what can be rebuilt. */
  readonly synchronous: "FULL" | "NORMAL";
  /** One script per schema version, in order; what was released is never changed, only added to. */
  readonly migrations: readonly string[];
}

/** Opens or creates a database file, readable by the device's own account alone, and brings its schema up to date. */
export function openDatabase(path: string, options: DatabaseOptions): DatabaseSync {
  if (path !== ":memory:") {
    // SQLite gives its journals the mode of the database, so it must be right before they exist.
    closeSync(openSync(path, "a", 0o600));
    chmodSync(path, 0o600);
  }
  const db = new DatabaseSync(path, { enableForeignKeyConstraints: true, enableDoubleQuotedStringLiterals: false });
  try {
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${options.synchronous}; PRAGMA busy_timeout = 5000;
      PRAGMA trusted_schema = OFF; PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 4194304;`);
    migrate(db, options);
  } catch (cause) {
    db.close();
    if (databaseFaults.owns(cause)) throw cause;
    throw databaseFaults.fault("database-damaged", `the database ${options.name} cannot be opened; check the disk`, {
      cause,
    });
  }
  return db;
}

function migrate(db: DatabaseSync, { name, migrations }: DatabaseOptions): void {
  const { user_version: version } = db.prepare("PRAGMA user_version").get() as { user_version: number };
  if (version > migrations.length) {
    throw databaseFaults.fault(
      "database-too-new",
      `the database ${name} has schema ${version}, and this release knows ${migrations.length}; start a newer release`,
    );
  }
  for (const [at, script] of migrations.entries()) {
    if (at >= version) transact(db, () => db.exec(`${script}; PRAGMA user_version = ${at + 1};`));
  }
}

/** Told of the transactions of one database. */
export interface TransactionObserver {
  begun(): void;
  /** The last statements of the transaction may be made here. */
  committing(): void;
  ended(isCommitted: boolean): void;
}

interface Observed {
  readonly observer: TransactionObserver;
  /** A part of the open transaction failed; what it did before that is still in it. */
  hasFailedPart: boolean;
}

const observed = new WeakMap<DatabaseSync, Observed>();

export function observeTransactions(db: DatabaseSync, observer: TransactionObserver): void {
  assert.ok(!observed.has(db), "the database has its observer");
  observed.set(db, { observer, hasFailedPart: false });
}

/** Runs `change` as one transaction, or as a part of the one that is open. A part that fails undoes the whole. */
export function transact<T>(db: DatabaseSync, change: () => T): T {
  const watch = observed.get(db);
  if (db.isTransaction) {
    try {
      return change();
    } catch (error) {
      if (watch !== undefined) watch.hasFailedPart = true;
      throw error;
    }
  }
  let isCommitted = false;
  db.exec("BEGIN IMMEDIATE");
  try {
    watch?.observer.begun();
    const result = change();
    assert.ok(watch?.hasFailedPart !== true, "a part of a transaction failed and the whole went on");
    watch?.observer.committing();
    db.exec("COMMIT");
    isCommitted = true;
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw diskFullOf(error) ?? error;
  } finally {
    if (watch !== undefined) {
      watch.hasFailedPart = false;
      watch.observer.ended(isCommitted);
    }
  }
}

/**
 * Makes a change without waiting for the disk. A power cut may undo it, but never alone: the next change that waits
 * takes it along, since both lie in one journal. For what has to be there before another change is, and for what is
 * found out again.
 */
export function withoutWaiting(db: DatabaseSync, change: () => void): void {
  if (db.isTransaction) {
    change();
    return;
  }
  db.exec("PRAGMA synchronous = NORMAL");
  try {
    change();
  } finally {
    db.exec("PRAGMA synchronous = FULL");
  }
}

/** SQLITE_IOERR, whatever the kind. */
const ioErrorCode = 10;

/** Whether a statement failed at the disk, which says nothing of what it was to write. */
export function isOfDisk(error: unknown): boolean {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return false;
  return [ioErrorCode, sqliteFull].includes(error.errcode & 0xff);
}
