import assert from "node:assert/strict";
import { test } from "node:test";
import { controlMigrations } from "./control-schema.ts";
import { openDatabase } from "./database.ts";
import { holderMigrations } from "./holder-schema.ts";
import { contentTables, ownerMigrations } from "./owner-schema.ts";
import { witnessMigrations } from "./witness-schema.ts";

for (const [name, migrations] of Object.entries({
  control: controlMigrations,
  owner: ownerMigrations,
  holder: holderMigrations,
  witness: witnessMigrations,
})) {
  test(`every table of the ${name} database has a primary key, so that changesets see it`, (context) => {
    const db = openDatabase(":memory:", { name, synchronous: "FULL", migrations });
    context.after(() => db.close());
    const without = db
      .prepare(
        `SELECT name FROM sqlite_schema AS s WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
         AND NOT EXISTS (SELECT 1 FROM pragma_table_info(s.name) WHERE pk > 0)`,
      )
      .all();
    assert.deepEqual(without, []);
  });
}

test("every table of the owner database is either backed up or known to be left out", (context) => {
  const db = openDatabase(":memory:", { name: "owner", synchronous: "FULL", migrations: ownerMigrations });
  context.after(() => db.close());
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").all();
  const leftOut = ["upload", "upload_segment", "outbox", "log_entry", "log_position", "replacement", "reencryption"];
  assert.deepEqual(tables.map((row) => String(row["name"])).toSorted(), [...contentTables, ...leftOut].toSorted());
});
