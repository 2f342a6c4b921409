import assert from "node:assert/strict";
import { test } from "node:test";
import { deriveOwnerKeys, envelopeFaults, lockedFekFormat, sealToFileKey } from "@piccolo/envelope";
import { realWorld } from "@piccolo/world/real";
import { makeSmallNetwork, readAll } from "../../test-support/small-network.ts";
import { fixedPolicy } from "../policy/index.ts";
import { pattern } from "../suites/suite.ts";
import { extentPlainBytes } from "./index.ts";

const never = new AbortController().signal;
const policy = fixedPolicy({ k: 6, n: 9 });
const keys = deriveOwnerKeys(new Uint8Array(32).fill(3), 1);

/** A network whose owner is locked until told otherwise. */
async function lockedNetwork() {
  const lock = { isLocked: true };
  const network = await makeSmallNetwork({
    policy,
    keys: () => {
      if (lock.isLocked) throw envelopeFaults.fault("locked", "the device is locked");
      return keys;
    },
    sealFek: (fek, versionId) => ({
      wrappedFek: sealToFileKey(keys.filePublicKey, fek, { account: keys.account, versionId, epoch: 1 }, realWorld),
      fekEpoch: 1,
    }),
  });
  return { lock, network };
}

test("a locked owner's engine writes versions of any size that it can neither read nor go on with, and the keys open them", async () => {
  const { lock, network } = await lockedNetwork();
  const { engine, metadata } = network;
  for (const size of [0, 1, 65_521, extentPlainBytes + 1]) {
    lock.isLocked = true;
    const content = pattern(size, size);
    assert.throws(() => engine.beginVersion(), { code: "locked" });
    const { versionId, writer } = engine.beginUnattended(never);
    assert.equal(engine.isUnattended(versionId), true);
    assert.throws(() => engine.writer(versionId, never), { code: "version-busy" });
    await writer.write(content);
    await writer.finish();
    assert.throws(() => engine.writer(versionId, never), { code: "locked" });
    assert.equal(engine.isUnattended(versionId), true, "until it is whole it is nobody else's");
    engine.completeVersion(versionId, size);
    assert.equal(engine.isUnattended(versionId), false);
    assert.equal(metadata.version(versionId)?.wrappedFek[0], lockedFekFormat);
    await assert.rejects(readAll(engine, versionId, { start: 0, end: size }), { code: "locked" });
    lock.isLocked = false;
    assert.ok((await readAll(engine, versionId, { start: 0, end: size })).equals(content), `${size} bytes`);
  }
  await engine.stop();
});

test("what is broken off while locked is removed with all that was committed of it", async () => {
  const { network } = await lockedNetwork();
  const { engine, metadata } = network;
  const abort = new AbortController();
  const { versionId, writer } = engine.beginUnattended(abort.signal);
  await writer.write(pattern(extentPlainBytes + 5));
  while (engine.committedBytes(versionId) === 0) await new Promise((resolve) => setImmediate(resolve));
  abort.abort(new Error("the app is gone"));
  await assert.rejects(writer.finish(), /the app is gone/);
  await writer.abort();
  engine.removeVersion(versionId);
  assert.equal(engine.isUnattended(versionId), false);
  assert.equal(metadata.version(versionId), undefined);
  assert.equal(metadata.segmentsIn("dead", 10).length, 1);
  await engine.stop();
});

test("what may not wait is refused where it would have to, and leaves nothing in the spool", async () => {
  const { network } = await lockedNetwork();
  const { engine, metadata, holders, membersChanged } = network;
  for (const holder of holders.slice(0, 4)) holder.online = false;
  membersChanged();
  const { versionId, writer } = engine.beginUnattended(never, { mayWait: false, expectedBytes: 100 });
  await writer.write(pattern(100));
  await assert.rejects(writer.finish(), { code: "too-few-holders" });
  await writer.abort();
  engine.removeVersion(versionId);
  assert.equal(engine.spool().usedBytes, 0);
  assert.deepEqual(metadata.segmentsIn("pending", 10), []);
  await engine.stop();
});

test("where no key can be sealed nothing is begun", async () => {
  const network = await makeSmallNetwork({
    policy,
    sealFek: () => {
      throw envelopeFaults.fault("damaged-key", "the owner's file key is damaged");
    },
  });
  const before = network.metadata.countBefore(2);
  assert.throws(() => network.engine.beginUnattended(never), { code: "damaged-key" });
  assert.deepEqual(network.metadata.countBefore(2), before);
  await network.engine.stop();
});
