import assert from "node:assert/strict";
import { test } from "node:test";
import { appendDelta, openOwner, secretsOf, setSecret } from "../../test-support/owner-log.ts";
import { computeDigest } from "./content-digest.ts";
import { transact } from "./database.ts";

test("a change outside of a transaction is a bug that fails before it is made", (context) => {
  const owner = openOwner(context);
  const { db } = owner;
  for (const sql of [
    "INSERT INTO account_secret VALUES ('a', x'00')",
    "UPDATE node SET name = 'x'",
    "DELETE FROM node",
    "BEGIN; UPDATE node SET modified_at_ms = 7; COMMIT",
  ]) {
    assert.throws(() => db.exec(sql), { code: "ERR_ASSERTION" }, sql);
    if (db.isTransaction) db.exec("ROLLBACK");
  }
  assert.ok(owner.verify());
  assert.ok(!owner.log.waiting);
});

test("what is rolled back leaves no trace in outbox and digest", (context) => {
  const owner = openOwner(context);
  const before = computeDigest(owner.db);
  assert.throws(
    () =>
      transact(owner.db, () => {
        setSecret(owner, "a", "1");
        throw new RangeError("undo");
      }),
    RangeError,
  );
  assert.ok(!owner.log.waiting);
  assert.ok(owner.verify());
  assert.deepEqual(computeDigest(owner.db), before);
});

test("a part that failed cannot be committed with the rest", (context) => {
  const owner = openOwner(context);
  const half = (): void => {
    setSecret(owner, "b", "2");
    throw new RangeError("half");
  };
  assert.throws(
    () =>
      transact(owner.db, () => {
        setSecret(owner, "a", "1");
        try {
          transact(owner.db, half);
        } catch {
          // A caller that goes on as if nothing had been.
        }
      }),
    { code: "ERR_ASSERTION" },
  );
  assert.deepEqual(secretsOf(owner), []);
  setSecret(owner, "c", "3");
  assert.ok(owner.verify());
});

test("uploads are no part of what is backed up, and no change makes no commit", (context) => {
  const owner = openOwner(context);
  const insert =
    "INSERT INTO upload VALUES (randomblob(16), randomblob(16), 0, 'f', 't/t', 1, 1, 'refuse', 1, 1, NULL)";
  transact(owner.db, () => owner.db.exec(insert));
  assert.ok(!owner.log.waiting);
  setSecret(owner, "a", "1");
  appendDelta(owner);
  setSecret(owner, "a", "1");
  transact(owner.db, () => owner.db.exec("UPDATE account_secret SET secret = secret"));
  assert.ok(!owner.log.waiting);
  assert.ok(owner.verify());
});

test("a full disk undoes the change and says so, and the next one fits once there is room", (context) => {
  const owner = openOwner(context);
  const { page_count: pages } = owner.db.prepare("PRAGMA page_count").get() as { page_count: number };
  owner.db.exec(`PRAGMA max_page_count = ${pages}`);
  assert.throws(() => setSecret(owner, "a", "1".repeat(100_000)), { code: "disk-full", retry: "later" });
  assert.ok(!owner.log.waiting);
  assert.ok(owner.verify());
  owner.db.exec("PRAGMA max_page_count = 1000000");
  setSecret(owner, "a", "1");
  assert.ok(owner.verify());
});
