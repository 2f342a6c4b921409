import assert from "node:assert/strict";
import type { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "@piccolo/fault";
import { SeededWorld } from "@piccolo/world";
import { openDatabase, transact } from "../db/database.ts";
import { SqliteMetadata } from "../db/metadata.ts";
import { ownerMigrations } from "../db/owner-schema.ts";
import { nameKey } from "./names.ts";
import { FileStore, type NodeRow } from "./store.ts";
import { Tree } from "./tree.ts";
import { deepestLevel, idText, nodeId, rootId } from "./types.ts";

/** Numbers name a node among those there are; some name none. */
type Command =
  | { readonly kind: "add"; readonly parent: number; readonly name: string; readonly isFile: boolean }
  | { readonly kind: "change"; readonly node: number; readonly parent: number | undefined; readonly name: string }
  | { readonly kind: "trash" | "restore"; readonly node: number };

const name = fc.constantFrom("a", "A", "b", "\u00e9", "e\u0301", "c.txt", "C.TXT");
const node = fc.nat(15);
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ kind: fc.constant("add"), parent: node, name, isFile: fc.boolean() }),
  fc.record({ kind: fc.constant("change"), node, parent: fc.option(node, { nil: undefined }), name }),
  fc.record({ kind: fc.constantFrom("trash", "restore"), node }),
);

function invariants(db: DatabaseSync, tree: Tree): void {
  const rows = db.prepare("SELECT *, coalesce(name_key, name) AS name_key FROM node").all() as unknown as NodeRow[];
  const byId = new Map(rows.map((row) => [row.node_id, row]));
  const live = new Map<string, number>();
  for (const row of rows) {
    assert.equal(row.name_key, nameKey(row.name));
    const above = new Set<number>();
    for (let at: NodeRow | undefined = row; at?.parent_id !== null && at !== undefined;) {
      const id: number = at.node_id;
      assert.ok(!above.has(id), "a node lies below itself");
      above.add(id);
      at = byId.get(at.parent_id);
    }
    const path = tree.path(row.node_id);
    if (path !== undefined) {
      assert.equal(path[0]?.node_id, rootId, "a live node hangs on the top folder");
      assert.ok(path.length - 1 <= deepestLevel);
      assert.ok(path.slice(0, -1).every(({ kind }) => kind === "folder"));
    }
    if (row.trashed_at_ms !== null || row.parent_id === null) continue;
    const place = `${row.parent_id} ${row.name_key}`;
    live.set(place, (live.get(place) ?? 0) + 1);
  }
  assert.ok(
    [...live.values()].every((count) => count === 1),
    "two names of one folder are twins",
  );
  assert.deepEqual(db.prepare("PRAGMA foreign_key_check").all(), []);
}

test("whatever is done to it, the tree stays one: no loops, no twins, nothing lost", () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const db = openDatabase(":memory:", { name: "owner", synchronous: "FULL", migrations: ownerMigrations });
      const world = new SeededWorld("tree");
      const store = new FileStore(db);
      const tree = new Tree(store);
      const ids = ["root"];
      const idOf = (number: number): string => ids[number % 16] ?? "f".repeat(32);
      const metadata = new SqliteMetadata(db);
      try {
        for (const one of commands) {
          try {
            transact(db, () => {
              if (one.kind === "add") {
                const versionId = world.randomBytes(16);
                if (one.isFile) metadata.beginVersion({ versionId, wrappedFek: new Uint8Array(8), fekEpoch: 1 });
                const parent = tree.liveFolder(nodeId(idOf(one.parent))).node_id;
                const name = one.name.normalize("NFC");
                ids.push(idText(tree.add({ parent, name, ...(one.isFile ? { versionId } : {}) }, 1)));
              } else if (one.kind === "change") {
                const parent = one.parent === undefined ? undefined : nodeId(idOf(one.parent));
                tree.change(tree.liveBelowTop(idOf(one.node)), { name: one.name, parent }, 2);
              } else if (one.kind === "trash") {
                tree.trash(tree.liveBelowTop(idOf(one.node)), 3);
              } else {
                tree.restore(tree.trashed(idOf(one.node)), 4);
              }
            });
          } catch (error) {
            // A refusal is an answer, and must have changed nothing.
            if (!isFault(error)) throw error;
          }
          invariants(db, tree);
        }
        const { count } = db.prepare("SELECT count(*) AS count FROM node").get() as { count: number };
        assert.equal(count, ids.length);
      } finally {
        db.close();
      }
    }),
    { numRuns: 60 },
  );
});
