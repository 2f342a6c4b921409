import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "@piccolo/bytes";
import { realWorld } from "@piccolo/world/real";
import { makeSmallNetwork, readAll, until, writeVersion } from "../../test-support/small-network.ts";
import { defaultPolicy, fixedPolicy } from "../policy/index.ts";
import { pattern } from "../suites/suite.ts";
import { extentPlainBytes } from "./index.ts";

const sixOfNine = fixedPolicy({ k: 6, n: 9 });
const never = new AbortController().signal;

test("what was written is read back, whole and in ranges, for sizes around every boundary", async () => {
  for (const policy of [sixOfNine, defaultPolicy]) {
    const { engine } = await makeSmallNetwork({ policy });
    for (const size of [0, 1, 65_519, 65_520, 65_521, 400_000, extentPlainBytes, extentPlainBytes + 1, 20_000_000]) {
      const content = pattern(size, size);
      const versionId = await writeVersion(engine, content);
      assert.ok((await readAll(engine, versionId, { start: 0, end: size })).equals(content), `${size} bytes`);
      if (size < 2) continue;
      for (const [start, end] of [
        [0, 1],
        [size - 1, size],
        [Math.floor(size / 3), Math.floor(size / 2)],
      ] as const) {
        const range = await readAll(engine, versionId, { start, end });
        assert.ok(range.equals(content.subarray(start, end)), `${start}-${end} of ${size}`);
      }
    }
    await engine.stop();
  }
});

test("a file is read with as many holders gone as it is said to survive, and says how many are missing after one more", async () => {
  const { engine, holders } = await makeSmallNetwork({ policy: sixOfNine });
  const content = pattern(9_000_000);
  const versionId = await writeVersion(engine, content);
  await until("all placed", () => engine.describe(versionId).segments.every(({ placed }) => placed.length === 9));
  for (const holder of holders.slice(0, 3)) holder.online = false;
  assert.ok((await readAll(engine, versionId, { start: 0, end: content.length })).equals(content));
  for (const holder of holders.slice(3, 5)) holder.online = false;
  await assert.rejects(readAll(engine, versionId, { start: 0, end: 10 }), (error: unknown) => {
    const { code, details } = error as { code: string; details: { missing: number } };
    assert.deepEqual([code, details.missing], ["not-enough-fragments", 2]);
    return true;
  });
  for (const holder of holders.slice(3, 5)) holder.online = true;
  assert.ok((await readAll(engine, versionId, { start: 5, end: 500_000 })).equals(content.subarray(5, 500_000)));
  await engine.stop();
});

test("changed fragments, lying headers and garbage from up to n-k holders are noticed and replaced", async () => {
  const { engine, holders, reports } = await makeSmallNetwork({ policy: sixOfNine });
  const content = pattern(3_000_000);
  const versionId = await writeVersion(engine, content);
  await until("all placed", () => engine.describe(versionId).segments.every(({ placed }) => placed.length === 9));
  const [first, second, third, fourth] = holders;
  assert.ok(first && second && third && fourth);
  first.tamper = (frame, body) => ({ frame, body: body.map((byte, at) => (at === 70 ? byte ^ 1 : byte)) });
  second.tamper = (frame, body) => ({ frame: frame.slice(0, 20), body });
  third.tamper = (frame, body) => ({ frame: frame.map((byte, at) => (at === 80 ? byte ^ 1 : byte)), body });
  assert.ok((await readAll(engine, versionId, { start: 0, end: content.length })).equals(content));
  assert.ok(reports.some((line) => line.startsWith("fragment-not-fetched")));
  fourth.tamper = first.tamper;
  await assert.rejects(readAll(engine, versionId, { start: 0, end: 10 }), { code: "not-enough-fragments" });
  await engine.stop();
});

test("with fewer than s holders online content waits in the spool, is readable, and moves out when they return", async () => {
  const { engine, holders, spoolDisk, membersChanged } = await makeSmallNetwork({ policy: sixOfNine });
  engine.start();
  for (const holder of holders.slice(0, 2)) holder.online = false;
  const content = pattern(10_000_000);
  const versionId = await writeVersion(engine, content);
  assert.equal(engine.placementState(versionId), "pending");
  assert.equal(engine.describe(versionId).pendingBytes, content.length);
  assert.ok(engine.spool().usedBytes > content.length);
  assert.ok((await readAll(engine, versionId, { start: 0, end: content.length })).equals(content));
  for (const holder of holders) holder.online = true;
  membersChanged();
  await until("durable", () => engine.placementState(versionId) === "durable");
  await until("spool empty", () => engine.spool().usedBytes === 0);
  assert.deepEqual(await spoolDisk.list("spool"), []);
  assert.ok((await readAll(engine, versionId, { start: 0, end: content.length })).equals(content));
  await engine.stop();
});

test("pending content survives a power cut, and a full spool refuses with too-few-holders", async () => {
  const network = await makeSmallNetwork({ policy: defaultPolicy, holderCount: 0, spoolLimitBytes: 4_000_000 });
  const content = pattern(3_000_000);
  const versionId = await writeVersion(network.engine, content);
  await assert.rejects(writeVersion(network.engine, content), { code: "too-few-holders" });
  network.spoolDisk.crash();
  const engine = await network.reopen();
  assert.ok((await readAll(engine, versionId, { start: 0, end: content.length })).equals(content));
  assert.ok(engine.spool().usedBytes > content.length);
  await engine.stop();
});

test("an interrupted write goes on at its committed offset under another key stream", async () => {
  const { engine } = await makeSmallNetwork({ policy: sixOfNine });
  const content = pattern(2 * extentPlainBytes + 1_000);
  const { versionId } = engine.beginVersion();
  const abort = new AbortController();
  const writer = engine.writer(versionId, abort.signal);
  assert.throws(() => engine.writer(versionId, never), { code: "version-busy" });
  await writer.write(content.subarray(0, extentPlainBytes + 500));
  await until("first extent", () => engine.committedBytes(versionId) === extentPlainBytes);
  abort.abort(new Error("the client is gone"));
  await assert.rejects(writer.write(content.subarray(0, 1)));
  await writer.abort();
  assert.throws(() => engine.completeVersion(versionId, content.length), { code: "version-incomplete" });
  const again = engine.writer(versionId, never);
  assert.equal(again.committedBytes, extentPlainBytes);
  await again.write(content.subarray(extentPlainBytes));
  await again.finish();
  engine.completeVersion(versionId, content.length);
  assert.ok((await readAll(engine, versionId, { start: 0, end: content.length })).equals(content));
  await engine.stop();
});

test("fragments that did not reach their holder in time are completed in the background, bit-identical", async () => {
  const { engine, holders, membersChanged } = await makeSmallNetwork({ policy: sixOfNine });
  engine.start();
  const [late] = holders;
  assert.ok(late);
  late.online = false;
  const content = pattern(9_500_000);
  const versionId = await writeVersion(engine, content);
  assert.equal(engine.placementState(versionId), "durable");
  late.online = true;
  membersChanged();
  await until("all placed", () => engine.describe(versionId).segments.every(({ placed }) => placed.length === 9));
  for (const holder of holders.slice(1, 4)) holder.online = false;
  assert.ok((await readAll(engine, versionId, { start: 0, end: content.length })).equals(content));
  await engine.stop();
});

test("a removed version's fragments go from every holder, also from one that was away", async () => {
  const { engine, owner, holders, metadata, membersChanged } = await makeSmallNetwork({ policy: sixOfNine });
  engine.start();
  const keep = await writeVersion(engine, pattern(100_000));
  const versionId = await writeVersion(engine, pattern(100_000));
  await until("all placed", () => engine.describe(versionId).segments.every(({ placed }) => placed.length === 9));
  const [away] = holders;
  assert.ok(away);
  away.online = false;
  engine.removeVersion(versionId);
  const used = (): number[] => holders.map(({ store }) => store.list(owner, undefined, 10).length);
  await until("removed from those online", () =>
    used()
      .slice(1)
      .every((count) => count === 1),
  );
  assert.equal(used()[0], 2);
  away.online = true;
  membersChanged();
  await until("removed from the last", () => used()[0] === 1);
  await until("forgotten", () => metadata.segmentsIn("dead", 10).length === 0);
  assert.equal((await readAll(engine, keep, { start: 0, end: 100_000 })).length, 100_000);
  await engine.stop();
});

test("holders that lose power keep every fragment they said they stored, even without their index", async () => {
  const { engine, holders } = await makeSmallNetwork({ policy: sixOfNine });
  const content = pattern(1_000_000);
  const versionId = await writeVersion(engine, content);
  await until("all placed", () => engine.describe(versionId).segments.every(({ placed }) => placed.length === 9));
  await Promise.all(holders.map((holder) => holder.restart()));
  for (const holder of holders.slice(0, 3)) holder.online = false;
  assert.ok((await readAll(engine, versionId, { start: 0, end: content.length })).equals(content));
  await engine.stop();
});

test("one hanging holder delays neither writes nor reads for good", async () => {
  const { engine, holders } = await makeSmallNetwork({ policy: sixOfNine });
  const [hanging] = holders;
  assert.ok(hanging);
  hanging.gate = () => new Promise(() => undefined);
  const content = pattern(3 * extentPlainBytes);
  const versionId = await writeVersion(engine, content);
  assert.equal(engine.placementState(versionId), "durable");
  assert.ok((await readAll(engine, versionId, { start: 0, end: 200_000 })).equals(content.subarray(0, 200_000)));
  await engine.stop();
});

test("several versions written at once stay apart, in bounded memory", async () => {
  const { engine } = await makeSmallNetwork({ policy: sixOfNine, memoryLimitBytes: 32 * 1024 * 1024 });
  const contents = [1, 2, 3, 4].map((seed) => pattern(extentPlainBytes + 100_000 * seed, seed));
  const ids = await Promise.all(contents.map((content) => writeVersion(engine, content)));
  for (const [at, content] of contents.entries()) {
    const versionId = ids[at];
    assert.ok(versionId);
    assert.ok((await readAll(engine, versionId, { start: 0, end: content.length })).equals(content));
  }
  await engine.stop();
});

test("full holders make content wait instead of losing it, and nothing partial is shown", async () => {
  const { engine, holders, reports } = await makeSmallNetwork({ policy: sixOfNine });
  for (const holder of holders.slice(0, 4)) holder.quotaBytes = 1_000;
  const content = pattern(500_000);
  const versionId = await writeVersion(engine, content);
  assert.equal(engine.placementState(versionId), "pending");
  assert.ok(reports.some((line) => line.includes('"full"')));
  assert.ok((await readAll(engine, versionId, { start: 0, end: content.length })).equals(content));
  await engine.stop();
});

test("plain copies differ between holders and none of the plaintext or its ciphertext is shared", async () => {
  const { engine, holders, sent } = await makeSmallNetwork({ policy: defaultPolicy, holderCount: 3 });
  const content = pattern(150_000);
  const versionId = await writeVersion(engine, content);
  await until("all placed", () => engine.describe(versionId).segments.every(({ placed }) => placed.length === 3));
  const windows = new Set(sent.filter(({ length }) => length > 60_000).map((piece) => toHex(piece.subarray(0, 64))));
  assert.equal(windows.size, sent.filter(({ length }) => length > 60_000).length);
  for (const holder of holders.slice(0, 2)) holder.online = false;
  assert.ok((await readAll(engine, versionId, { start: 0, end: content.length })).equals(content));
  await engine.stop();
});

test("ending a read early stops what it had under way", async () => {
  const { engine } = await makeSmallNetwork({ policy: sixOfNine });
  const versionId = await writeVersion(engine, pattern(20_000_000));
  for await (const part of engine.read(versionId, { start: 0, end: 20_000_000 }, never)) {
    assert.equal(part.length, 65_520);
    break;
  }
  const abort = new AbortController();
  const reading = engine.read(versionId, { start: 0, end: 20_000_000 }, abort.signal)[Symbol.asyncIterator]();
  await reading.next();
  abort.abort(new Error("client gone"));
  await assert.rejects(async () => {
    for (let at = 0; at < 400; at++) if ((await reading.next()).done === true) return;
  }, /client gone/);
  await realWorld.sleep(1);
  await engine.stop();
});
