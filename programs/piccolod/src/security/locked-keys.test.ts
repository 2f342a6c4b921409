import assert from "node:assert/strict";
import { test } from "node:test";
import { createKeyRing, deriveOwnerKeys, newFek, sealToFileKey } from "@piccolo/envelope";
import { SeededWorld } from "@piccolo/world";
import { openOwner } from "../../test-support/owner-log.ts";
import { SqliteWrappedKeys } from "../db/wrapped-keys.ts";
import { rewrapLocked } from "./rekey.ts";

const world = new SeededWorld("locked-keys");
const start = new Uint8Array(0);
const never = new AbortController().signal;

test("file keys that were sealed while the device was locked are wrapped like all others once it is unlocked", async (context) => {
  const owner = openOwner(context);
  const keys = deriveOwnerKeys(new Uint8Array(32).fill(7), 1);
  const ring = createKeyRing(keys);
  const made = Array.from({ length: 3 }, () => ({ versionId: world.randomBytes(16), fek: newFek(world) }));
  for (const [at, { versionId, fek }] of made.entries()) {
    const { account } = keys;
    const sealed = sealToFileKey(keys.filePublicKey, fek, { account, versionId, epoch: 1 }, world);
    owner.metadata.beginVersion({
      versionId,
      wrappedFek: at === 0 ? keys.wrapFek(fek, versionId) : sealed,
      fekEpoch: 1,
    });
  }
  const rows = new SqliteWrappedKeys(owner.db);
  assert.equal(rows.sealedWhileLocked(start, 10).length, 2);
  await rewrapLocked(() => ring, rows, never);
  assert.equal(rows.sealedWhileLocked(start, 10).length, 0);
  for (const { versionId, fek } of made) {
    const wrapped = owner.metadata.version(versionId)?.wrappedFek ?? assert.fail();
    assert.deepEqual(keys.unwrapFek(wrapped, versionId), fek);
  }
  assert.ok(owner.log.waiting, "the change is part of the backup");
});

test("a damaged sealed key keeps no other file's key sealed", async (context) => {
  const owner = openOwner(context);
  const keys = deriveOwnerKeys(new Uint8Array(32).fill(7), 1);
  const made = Array.from({ length: 501 }, () => ({ versionId: world.randomBytes(16), fek: newFek(world) }));
  const [damaged = assert.fail()] = made.toSorted((a, b) => Buffer.compare(a.versionId, b.versionId));
  for (const { versionId, fek } of made) {
    const wrappedFek = sealToFileKey(keys.filePublicKey, fek, { account: keys.account, versionId, epoch: 1 }, world);
    if (versionId === damaged.versionId) wrappedFek[wrappedFek.length - 1] = (wrappedFek.at(-1) ?? 0) ^ 1;
    owner.metadata.beginVersion({ versionId, wrappedFek, fekEpoch: 1 });
  }
  const rows = new SqliteWrappedKeys(owner.db);
  await rewrapLocked(() => createKeyRing(keys), rows, never);
  const sealed = rows.sealedWhileLocked(start, 10).map(({ versionId }) => Buffer.from(versionId));
  assert.deepEqual(sealed, [Buffer.from(damaged.versionId)]);
});
