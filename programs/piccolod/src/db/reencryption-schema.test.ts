import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { appendDelta, openOwner, temporaryFolder } from "../../test-support/owner-log.ts";
import { openDatabase } from "./database.ts";
import { ownerMigrations } from "./owner-schema.ts";
import { SqliteReencryptionStore } from "./reencryption-store.ts";

const versionId = new Uint8Array(16).fill(1);

test("versions of a database from before count as those of the first epoch, and a checkpoint becomes due", (context) => {
  const path = join(temporaryFolder(context), "owner.db");
  const before = openDatabase(path, { name: "owner", synchronous: "FULL", migrations: ownerMigrations.slice(0, 1) });
  before.prepare("INSERT INTO version (version_id, wrapped_fek, plain_bytes) VALUES (?, x'00', 0)").run(versionId);
  const position = before.prepare("INSERT INTO log_position VALUES (1, 0, zeroblob(32), 0, 0, 0, ?, 1, 0)");
  position.run(new Uint8Array(32));
  before.close();
  const owner = openOwner(context, path);
  assert.ok(owner.log.checkpointDue);
  assert.ok(owner.verify());
  assert.deepEqual(
    owner.metadata.versionsBefore(2, new Uint8Array(0), 10).map((version) => [version.versionId, version.fekEpoch]),
    [[versionId, 1]],
  );
  assert.deepEqual(owner.metadata.countBefore(2), { versions: 1, plainBytes: 0 });
});

test("what is wanted, and what is under way of it, is no part of the backup and goes with the content", (context) => {
  const owner = openOwner(context);
  const store = new SqliteReencryptionStore(owner.db);
  owner.metadata.beginVersion({ versionId, wrappedFek: new Uint8Array(1), fekEpoch: 1 });
  owner.metadata.completeVersion(versionId, 0);
  appendDelta(owner);
  assert.equal(store.wanted(), undefined);
  store.want({ versions: 3, plainBytes: 70 });
  store.want({ versions: 4, plainBytes: 80 });
  assert.deepEqual(store.wanted(), { versions: 4, plainBytes: 80 });
  assert.equal(owner.log.waiting, false, "nothing of it goes into an entry");
  const replacement = { versionId: new Uint8Array(16).fill(2), wrappedFek: new Uint8Array(1), fekEpoch: 2 };
  owner.metadata.beginReplacement(versionId, replacement);
  owner.log.empty();
  assert.equal(store.wanted(), undefined);
  assert.deepEqual([...owner.metadata.replacements(10)], []);
  assert.ok(owner.verify());
});
