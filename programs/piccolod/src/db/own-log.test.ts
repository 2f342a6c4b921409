import assert from "node:assert/strict";
import { copyFileSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ownLogSuite } from "@piccolo/storage/suites";
import {
  appendDelta,
  type Delta,
  each,
  nextEntry,
  openOwner,
  secretsOf,
  setSecret,
  snapshotOf,
  temporaryFolder,
} from "../../test-support/owner-log.ts";
import { AccountSecrets } from "./account-secrets.ts";
import { computeDigest } from "./content-digest.ts";
import { transact } from "./database.ts";
import { arrivalPath } from "./own-log.ts";
import { openOwnerDatabase, type OwnerDatabase } from "./owner-database.ts";

ownLogSuite("the owner database", (context) => {
  const path = join(temporaryFolder(context), "owner.db");
  let owner = openOwner(context, path);
  return {
    get log() {
      return owner.log;
    },
    write: (key, value) => setSecret(owner, key, value),
    content: () => secretsOf(owner),
    reopen: () => {
      owner.close();
      owner = openOwner(context, path);
      assert.ok(owner.verify());
      return owner.log;
    },
  };
});

test("several tables in one commit are one change, whatever refers to what", (context) => {
  const [from, to] = [openOwner(context), openOwner(context)];
  transact(from.db, () => {
    from.db.exec("INSERT INTO node (node_id, parent_id, name, created_at_ms, modified_at_ms) VALUES (7, 0, 'a', 1, 1)");
    from.db.exec("INSERT INTO node (node_id, parent_id, name, created_at_ms, modified_at_ms) VALUES (3, 7, 'b', 1, 1)");
    const versionId = new Uint8Array(16).fill(1);
    from.metadata.beginVersion({ versionId, wrappedFek: new Uint8Array(85), fekEpoch: 1 });
    for (let ordinal = 0; ordinal < 3; ordinal++) {
      const segmentId = new Uint8Array(16).fill(ordinal);
      from.metadata.commitExtent(
        { versionId, ordinal, segmentId, offsetBytes: 0, plainBytes: 5, salt: new Uint8Array(16) },
        {
          segmentId,
          segmentRoot: new Uint8Array(32),
          k: 1,
          n: 2,
          sealedBytes: 21,
          fragmentBytes: 64,
          holders: ["11".repeat(32), "22".repeat(32)],
          placed: [0],
          state: "placed",
          createdAtMs: 1,
        },
      );
    }
  });
  const made = appendDelta(from);
  to.log.apply(made.entry, made.payload, made.digest);
  assert.ok(to.verify());
  assert.deepEqual(computeDigest(to.db), computeDigest(from.db));
  assert.deepEqual(to.metadata.extents(new Uint8Array(16).fill(1)).length, 3);
});

/** Each makes a change on the first database that does not fit the second one. */
const misfits: Readonly<Record<string, { before?: string; from: string; to: string }>> = {
  "a missing row is changed": {
    before: "INSERT INTO account_secret VALUES ('a', x'01')",
    from: "UPDATE account_secret SET secret = x'02'",
    to: "DELETE FROM account_secret",
  },
  "a missing row is removed": {
    before: "INSERT INTO account_secret VALUES ('a', x'01')",
    from: "DELETE FROM account_secret",
    to: "DELETE FROM account_secret",
  },
  "a row is there already": {
    from: "INSERT INTO account_secret VALUES ('a', x'01')",
    to: "INSERT INTO account_secret VALUES ('a', x'01')",
  },
  "a changed row is changed": {
    before: "INSERT INTO account_secret VALUES ('a', x'01')",
    from: "UPDATE account_secret SET secret = x'02'",
    to: "UPDATE account_secret SET secret = x'03'",
  },
  "a changed row is removed": {
    before: "INSERT INTO account_secret VALUES ('a', x'01')",
    from: "DELETE FROM account_secret",
    to: "UPDATE account_secret SET secret = x'03'",
  },
  "a name is taken": {
    from: "INSERT INTO node (node_id, parent_id, name, created_at_ms, modified_at_ms) VALUES (5, 0, 'n', 1, 1)",
    to: "INSERT INTO node (node_id, parent_id, name, created_at_ms, modified_at_ms) VALUES (6, 0, 'n', 1, 1)",
  },
  "a row refers to nothing": {
    before: "INSERT INTO node (node_id, parent_id, name, created_at_ms, modified_at_ms) VALUES (5, 0, 'n', 1, 1)",
    from: "INSERT INTO node (node_id, parent_id, name, created_at_ms, modified_at_ms) VALUES (6, 5, 'm', 1, 1)",
    to: "DELETE FROM node WHERE node_id = 5",
  },
};

for (const [name, { before, from: there, to: here }] of Object.entries(misfits)) {
  test(`a delta does not apply where ${name}, and leaves the database as it was`, (context) => {
    const [from, to] = [openOwner(context), openOwner(context)];
    const run = (owner: OwnerDatabase, sql: string): Delta => {
      transact(owner.db, () => owner.db.exec(sql));
      return appendDelta(owner);
    };
    if (before !== undefined) {
      const made = run(from, before);
      to.log.apply(made.entry, made.payload, made.digest);
    }
    const made = run(from, there);
    run(to, here);
    const was = [computeDigest(to.db), to.log.position()];
    const entry = { ...made.entry, sequence: to.log.position().sequence + 1 };
    assert.throws(() => to.log.apply(entry, made.payload, made.digest), { code: "log-conflict" });
    assert.deepEqual([computeDigest(to.db), to.log.position()], was);
    assert.ok(to.verify());
  });
}

test("deltas that are missing, reordered, replayed or no changes at all are refused", (context) => {
  const [from, to] = [openOwner(context), openOwner(context)];
  const made = ["1", "2", "3"].map((value) => {
    setSecret(from, "a", value);
    return appendDelta(from);
  });
  const apply = (at: number, change: Partial<Delta> = {}): void => {
    const { entry, payload, digest } = { ...made[at], ...change } as Delta;
    to.log.apply(entry, payload, digest);
  };
  assert.throws(() => apply(1), { code: "log-conflict" });
  apply(0);
  assert.throws(() => apply(0), { code: "log-conflict" });
  assert.throws(() => apply(2), { code: "log-conflict" });
  for (const payload of [new Uint8Array([9]), new Uint8Array([1, 7, 7]), new Uint8Array([0, 0, 0, 0, 9, 1])]) {
    assert.throws(() => apply(1, { payload }), { code: "log-conflict" });
  }
  const noise = new Uint8Array(60).map((_, at) => (at * 37) % 251);
  const framed = new Uint8Array([0, 0, 0, 0, 60, ...noise]);
  assert.throws(() => apply(1, { payload: framed }), { code: "log-conflict" });
  assert.throws(() => apply(1, { payload: new Uint8Array(0) }), { code: "log-digest" });
  apply(1);
  apply(2);
  assert.deepEqual(secretsOf(to), secretsOf(from));
});

test("a delta cannot write what is not backed up", (context) => {
  const [from, to] = [openOwner(context), openOwner(context)];
  const session = from.db.createSession({ table: "log_entry" });
  from.db.exec("INSERT INTO log_entry VALUES (1, 'delta', x'00', x'00', zeroblob(32), 1)");
  const changes = session.changeset();
  session.close();
  const payload = new Uint8Array([0, 0, 0, 0, changes.length, ...changes]);
  assert.throws(() => to.log.apply(nextEntry(to), payload, computeDigest(to.db)), { code: "log-conflict" });
  assert.deepEqual(to.log.entries(1, 1 << 20), []);
});

test("a full disk is called that, and not an entry or a snapshot that is wrong", async (context) => {
  const [from, to] = [openOwner(context), openOwner(context)];
  for (let row = 0; row < 50; row++) setSecret(from, `row-${row}`, "x".repeat(5_000));
  const made = appendDelta(from);
  const snapshot = snapshotOf(from);
  const was = [computeDigest(to.db), to.log.position()];
  const { page_count: pages } = to.db.prepare("PRAGMA page_count").get() as { page_count: number };
  to.db.exec(`PRAGMA max_page_count = ${pages + 4}`);
  assert.throws(() => to.log.apply(made.entry, made.payload, made.digest), { code: "disk-full" });
  await assert.rejects(to.log.load(each(snapshot.pieces), made.entry, snapshot.digest), { code: "disk-full" });
  assert.deepEqual([computeDigest(to.db), to.log.position()], was);
  to.db.exec("PRAGMA max_page_count = 1000000");
  to.log.apply(made.entry, made.payload, made.digest);
  assert.deepEqual(secretsOf(to), secretsOf(from));
});

test("wherever the process ends, the database is as before or after, and what was committed is in outbox or entry", async (context) => {
  const path = join(temporaryFolder(context), "owner.db");
  const owner = openOwner(context, path);
  const source = openOwner(context);
  for (let row = 0; row < 50; row++) setSecret(source, `row-${row}`, "x".repeat(row));
  const whole = appendDelta(source);
  const snapshot = snapshotOf(source);

  /** What the files are at a moment, opened as after a power cut. */
  const crash = (): { content: unknown; sequence: number; waits: boolean } => {
    const copy = join(temporaryFolder(context), "owner.db");
    for (const suffix of ["", "-wal", "-arriving"]) {
      if (existsSync(`${path}${suffix}`)) copyFileSync(`${path}${suffix}`, `${copy}${suffix}`);
    }
    const after = openOwnerDatabase(copy);
    try {
      assert.ok(after.verify());
      assert.ok(!existsSync(arrivalPath(copy)));
      const { sequence } = after.log.position();
      assert.deepEqual(
        after.log.entries(1, 1 << 20).map((entry) => entry.sequence),
        sequence === 0 ? [] : [sequence],
      );
      return { content: secretsOf(after), sequence, waits: after.log.waiting };
    } finally {
      after.close();
    }
  };

  const none = { content: [], sequence: 0, waits: false };
  assert.deepEqual(crash(), none);
  transact(owner.db, () => {
    owner.db.exec("INSERT INTO account_secret VALUES ('a', x'31')");
    assert.deepEqual(crash(), none);
    owner.db.exec("INSERT INTO account_secret VALUES ('b', x'32')");
    assert.deepEqual(crash(), none);
  });
  const both = [
    ["a", "1"],
    ["b", "2"],
  ];
  assert.deepEqual(crash(), { content: both, sequence: 0, waits: true });
  owner.log.append(1 << 20, () => {
    assert.deepEqual(crash(), { content: both, sequence: 0, waits: true });
    return nextEntry(owner);
  });
  const appended = { content: both, sequence: 1, waits: false };
  assert.deepEqual(crash(), appended);
  async function* arriving(): AsyncGenerator<Uint8Array> {
    for (const piece of snapshot.pieces) {
      assert.deepEqual(crash(), appended);
      yield piece;
    }
    assert.deepEqual(crash(), appended);
  }
  await owner.log.load(arriving(), { ...whole.entry, sequence: 9, kind: "checkpoint" }, whole.digest);
  assert.deepEqual(crash(), { content: secretsOf(source), sequence: 9, waits: false });
  assert.equal(owner.log.position().checkpoint, 9);
});

test("a migration makes a checkpoint due, and what a later release adds is no obstacle to either", async (context) => {
  const path = join(temporaryFolder(context), "owner.db");
  const later = [
    ...(await import("./owner-schema.ts")).ownerMigrations,
    "ALTER TABLE node ADD COLUMN colour TEXT; CREATE TABLE note (id INTEGER PRIMARY KEY) STRICT;",
  ];
  const before = openOwner(context, path);
  setSecret(before, "a", "1");
  const digest = computeDigest(before.db);
  before.close();
  const after = openOwnerDatabase(path, later);
  context.after(() => after.close());
  assert.ok(after.log.checkpointDue);
  assert.ok(after.log.waiting);
  assert.deepEqual(computeDigest(after.db), digest, "a column that is NULL everywhere changes no digest");
  appendDelta(after);
  transact(after.db, () => after.db.exec("UPDATE node SET colour = 'red'"));
  appendDelta(after);
  const snapshot = snapshotOf(after);
  const entry = after.log.appendCheckpoint(() => nextEntry(after, "checkpoint"));
  assert.ok(!after.log.checkpointDue);
  const older = openOwner(context);
  await older.log.load(each(snapshot.pieces), entry, snapshot.digest);
  assert.deepEqual(secretsOf(older), [["a", "1"]]);
  assert.ok(older.verify());
  assert.ok(older.log.checkpointDue, "what it holds is not all of the entry's content");
});

test("a secret of the account is made once, and comes back with the content", async (context) => {
  const [from, to] = [openOwner(context), openOwner(context)];
  const secrets = new AccountSecrets(from.db);
  assert.equal(secrets.find("mask-key"), undefined);
  const made = secrets.ensure("mask-key", () => new Uint8Array(32).fill(7));
  assert.deepEqual(
    secrets.ensure("mask-key", () => assert.fail("it is there")),
    made,
  );
  const { entry } = appendDelta(from);
  const snapshot = snapshotOf(from);
  await to.log.load(each(snapshot.pieces), entry, snapshot.digest);
  assert.deepEqual(new AccountSecrets(to.db).find("mask-key"), made);
});

test("other holders take the place of those that were remembered when other content is loaded", async (context) => {
  const [from, to] = [openOwner(context), openOwner(context)];
  const versionId = new Uint8Array(16).fill(1);
  const fill = (owner: OwnerDatabase, account: string): void => {
    owner.metadata.beginVersion({ versionId, wrappedFek: new Uint8Array(85), fekEpoch: 1 });
    owner.metadata.commitExtent(
      { versionId, ordinal: 0, segmentId: versionId, offsetBytes: 0, plainBytes: 5, salt: versionId },
      {
        segmentId: versionId,
        segmentRoot: new Uint8Array(32),
        k: 1,
        n: 1,
        sealedBytes: 21,
        fragmentBytes: 64,
        holders: [account],
        placed: [0],
        state: "placed",
        createdAtMs: 1,
      },
    );
  };
  fill(from, "11".repeat(32));
  fill(to, "22".repeat(32));
  assert.deepEqual(to.metadata.segment(versionId)?.holders, ["22".repeat(32)]);
  const made = appendDelta(from);
  while (from.log.waiting) appendDelta(from);
  const snapshot = snapshotOf(from);
  await to.log.load(each(snapshot.pieces), made.entry, snapshot.digest);
  assert.deepEqual(to.metadata.segment(versionId)?.holders, ["11".repeat(32)]);
});

test("a snapshot that was arriving when the process ended is forgotten", (context) => {
  const path = join(temporaryFolder(context), "owner.db");
  writeFileSync(arrivalPath(path), "half of it");
  openOwner(context, path);
  assert.ok(!existsSync(arrivalPath(path)));
});

test("rows that were changed behind the digest are noticed when a snapshot is read", (context) => {
  const path = join(temporaryFolder(context), "owner.db");
  const owner = openOwner(context, path);
  setSecret(owner, "a", "1");
  appendDelta(owner);
  owner.db.exec("DROP TRIGGER content_account_secret_update");
  owner.db.exec("UPDATE account_secret SET secret = x'00'");
  const snapshot = owner.log.snapshot();
  assert.throws(() => Array.from(snapshot.pieces()), { code: "log-digest" });
  snapshot.close();
  assert.ok(!owner.verify());
});
