import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { holderIndexSuite, metadataSuite, witnessStoreSuite } from "@piccolo/storage/suites";
import { openDatabase, transact } from "./database.ts";
import { SqliteHolderIndex } from "./holder-index.ts";
import { holderMigrations } from "./holder-schema.ts";
import { SqliteMetadata } from "./metadata.ts";
import { ownerMigrations } from "./owner-schema.ts";
import { witnessMigrations } from "./witness-schema.ts";
import { SqliteWitnessStore } from "./witness-store.ts";

function memory(context: TestContext, migrations: readonly string[]): DatabaseSync {
  const db = openDatabase(":memory:", { name: "test", synchronous: "FULL", migrations });
  context.after(() => db.close());
  return db;
}

function folder(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "piccolod-db-"));
  context.after(() => rmSync(path, { recursive: true }));
  return path;
}

metadataSuite("the owner database", (context) => new SqliteMetadata(memory(context, ownerMigrations)));
holderIndexSuite("the holder database", (context) => new SqliteHolderIndex(memory(context, holderMigrations)));
witnessStoreSuite("the witness database", (context) => {
  const path = join(folder(context), "witness.db");
  const open = (): DatabaseSync => {
    const db = openDatabase(path, { name: "witness", synchronous: "FULL", migrations: witnessMigrations });
    context.after(() => db.isOpen && db.close());
    return db;
  };
  let db = open();
  return {
    store: new SqliteWitnessStore(db),
    reopen: () => {
      db.close();
      db = open();
      return new SqliteWitnessStore(db);
    },
  };
});

test("a database of a newer release is refused and left as it is", (context) => {
  const path = join(folder(context), "x.db");
  const newer = ["CREATE TABLE a (id INTEGER PRIMARY KEY)", "CREATE TABLE b (id INTEGER PRIMARY KEY)"];
  openDatabase(path, { name: "x", synchronous: "FULL", migrations: newer }).close();
  const older = { name: "x", synchronous: "FULL", migrations: newer.slice(0, 1) } as const;
  assert.throws(() => openDatabase(path, older), { code: "database-too-new" });
  openDatabase(path, { name: "x", synchronous: "FULL", migrations: newer }).close();
});

test("a file that is no database is refused", (context) => {
  const path = join(folder(context), "x.db");
  writeFileSync(path, "this was never a database, although it is long enough to look like one".repeat(100));
  assert.throws(() => openDatabase(path, { name: "x", synchronous: "FULL", migrations: [] }), {
    code: "database-damaged",
  });
});

test("a database is readable by the device's own account alone, its journal too", (context) => {
  const path = join(folder(context), "x.db");
  const migrations = ["CREATE TABLE a (id INTEGER PRIMARY KEY)"];
  const db = openDatabase(path, { name: "x", synchronous: "FULL", migrations });
  context.after(() => db.close());
  for (const file of [path, `${path}-wal`, `${path}-shm`]) assert.equal(statSync(file).mode & 0o077, 0, file);
});

test("a migration that fails leaves the schema before it", (context) => {
  const path = join(folder(context), "x.db");
  const good = "CREATE TABLE a (id INTEGER PRIMARY KEY)";
  const bad = "CREATE TABLE b (id INTEGER PRIMARY KEY); CREATE TABLE a (id INTEGER PRIMARY KEY)";
  assert.throws(() => openDatabase(path, { name: "x", synchronous: "FULL", migrations: [good, bad] }), {
    code: "database-damaged",
  });
  const db = openDatabase(path, { name: "x", synchronous: "FULL", migrations: [good] });
  context.after(() => db.close());
  assert.deepEqual(
    db
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
      .all()
      .map((row) => row["name"]),
    ["a"],
  );
});

test("metadata changes join the transaction that is open, and go with it", (context) => {
  const db = memory(context, ownerMigrations);
  const metadata = new SqliteMetadata(db);
  const versionId = new Uint8Array(16);
  assert.throws(() =>
    transact(db, () => {
      metadata.beginVersion({ versionId, wrappedFek: new Uint8Array(3), fekEpoch: 1 });
      metadata.completeVersion(versionId, 0);
      throw new Error("undo");
    }),
  );
  assert.equal(metadata.version(versionId), undefined);
});

test("the index counts its bytes again when it is opened", (context) => {
  const path = join(folder(context), "holder.db");
  const options = { name: "holder", synchronous: "NORMAL", migrations: holderMigrations } as const;
  const before = openDatabase(path, options);
  new SqliteHolderIndex(before).put({
    key: { account: new Uint8Array(32), segmentId: new Uint8Array(16), index: 0 },
    root: new Uint8Array(32),
    sizeBytes: 77,
    storedAtMs: 1,
  });
  before.close();
  const after = openDatabase(path, options);
  context.after(() => after.close());
  const index = new SqliteHolderIndex(after);
  assert.equal(index.usedBytes(), 77);
  assert.equal(index.fragments, 1);
});
