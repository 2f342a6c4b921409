import assert from "node:assert/strict";
import { test } from "node:test";
import { openDatabase } from "../db/database.ts";
import { SqliteMetadata } from "../db/metadata.ts";
import { ownerMigrations } from "../db/owner-schema.ts";
import { FileStore } from "./store.ts";
import { rootId } from "./types.ts";
import { UploadStore } from "./upload-store.ts";

/** Reading a whole table is what these are for: a search in all names, sums over all segments and versions. */
const wholeTable = [
  /instr\(/,
  /GROUP BY holder_set_id/,
  /sum\(plain_bytes\), 0\) AS plainBytes FROM version/,
  /WHERE state = 1 ORDER BY/,
];

test("no statement over the owner's tables reads a whole table, but for those that are for all of it", (context) => {
  const db = openDatabase(":memory:", { name: "owner", synchronous: "FULL", migrations: ownerMigrations });
  context.after(() => db.close());
  const prepare = db.prepare.bind(db);
  const statements: string[] = [];
  db.prepare = (sql) => {
    statements.push(sql);
    return prepare(sql);
  };
  const [store] = [new FileStore(db), new SqliteMetadata(db), new UploadStore(db)];
  for (const order of ["asc", "desc"] as const) {
    store.list(rootId, "name", order, [0, "", ""], 1);
    store.list(rootId, "modified", order, [0, 0, ""], 1);
    store.list(rootId, "size", order, undefined, 1);
  }
  assert.ok(statements.length > 50);
  const scans = statements
    .filter((sql) => !wholeTable.some((known) => known.test(sql)))
    .flatMap((sql) =>
      prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map((row) => String(row["detail"]))
        .filter((detail) => /^SCAN (?:node|version|segment|extent|current)(?! USING (?:COVERING )?INDEX)/.test(detail))
        .map((detail) => `${detail}: ${sql}`),
    );
  assert.deepEqual(scans, []);
});
