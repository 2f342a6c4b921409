import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Database } from "./database.ts";
import { centralMigrations, nonceMigrations } from "./migrations.ts";

const folder = mkdtempSync(join(tmpdir(), "piccolo-database-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("a file of a newer version is left alone", () => {
  const path = join(folder, "newer.db");
  new Database(path, [
    "CREATE TABLE a (x INTEGER PRIMARY KEY) STRICT",
    "CREATE TABLE b (x INTEGER PRIMARY KEY) STRICT",
  ]).close();
  assert.throws(() => new Database(path, ["CREATE TABLE a (x INTEGER PRIMARY KEY) STRICT"]), /newer version/);
});

test("a transaction that throws leaves nothing behind", () => {
  const database = new Database(join(folder, "whole.db"), ["CREATE TABLE a (x INTEGER PRIMARY KEY) STRICT"]);
  assert.throws(() =>
    database.transaction(() => {
      database.run("INSERT INTO a VALUES (1)");
      throw new Error("no");
    }),
  );
  assert.equal(database.get("SELECT count(*) AS n FROM a")?.["n"], 0);
  database.close();
});

test("migrations run once each, and commits reach the disk", () => {
  const path = join(folder, "migrated.db");
  const first = "CREATE TABLE a (x INTEGER PRIMARY KEY) STRICT; INSERT INTO a VALUES (1)";
  new Database(path, [first]).close();
  const database = new Database(path, [first, "INSERT INTO a VALUES (2)"]);
  assert.equal(database.get("SELECT count(*) AS n FROM a")?.["n"], 2);
  assert.equal(database.get("PRAGMA journal_mode")?.["journal_mode"], "wal");
  assert.equal(database.get("PRAGMA synchronous")?.["synchronous"], 2);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  database.close();
});

test("every table has a primary key", () => {
  for (const [name, migrations] of [
    ["central", centralMigrations],
    ["nonces", nonceMigrations],
  ] as const) {
    const database = new Database(join(folder, `${name}.db`), migrations);
    const tables = database.all("SELECT name FROM sqlite_schema WHERE type = 'table'");
    for (const { name: table } of tables) {
      const keys = database.all("SELECT 1 FROM pragma_table_info(?) WHERE pk > 0", String(table));
      assert.ok(keys.length > 0, String(table));
    }
    database.close();
  }
});
