import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { toHex } from "@piccolo/bytes";
import { FakeHolders } from "../../test-support/fake-holders.ts";
import {
  accountOf,
  holderView,
  makeContext,
  type TestContext,
  untilAborted,
  within,
} from "../../test-support/owner-context.ts";
import { transportFaults } from "../ports/index.ts";
import { id, pattern } from "../suites/suite.ts";
import { upkeepRound } from "./upkeep.ts";
import { readVersion } from "./version-reader.ts";
import { StreamingVersionWriter } from "./version-writer.ts";

const versionId = id(16, 1);
const fek = (): Uint8Array => new Uint8Array(32).fill(5);
const content = pattern(20_000_000);

interface Scene {
  readonly context: TestContext;
  readonly holders: FakeHolders;
  readonly abort: AbortController;
  /** How many of the four holders are online. */
  online: number;
  readonly run: <T>(step: Promise<T>) => Promise<T>;
  readonly read: () => AsyncGenerator<Uint8Array>;
}

/** A version of three segments, written while so many holders were online. */
async function makeScene(online: number): Promise<Scene> {
  const holders = new FakeHolders();
  const abort = new AbortController();
  const scene: Scene = {
    online,
    holders,
    abort,
    context: makeContext([], holders, {
      members: {
        holders: () => [0, 1, 2, 3].map((number) => holderView(number, { online: number < scene.online })),
        onChange: () => () => undefined,
      },
      holderClient: holders,
    }),
    run: (step) => within(scene.context.world, 120_000, step),
    read: () => {
      const extents = scene.context.metadata.extents(versionId);
      const range = { start: 0, end: content.length };
      return readVersion(scene.context, { versionId, fek: fek(), extents }, range, abort.signal);
    },
  };
  await scene.context.spool.open(() => true);
  scene.context.metadata.beginVersion({ versionId, wrappedFek: id(60, 1), fekEpoch: 1 });
  const version = { versionId, fek: fek(), nextOrdinal: 0, committedBytes: 0 };
  const writer = new StreamingVersionWriter(scene.context, version, new AbortController().signal, () => undefined);
  await scene.run(writer.write(content));
  await scene.run(writer.finish());
  await scene.run(Promise.all(scene.context.background));
  return scene;
}

async function readAll(parts: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const read: Uint8Array[] = [];
  for await (const part of parts) read.push(part);
  return Buffer.concat(read);
}

async function assertNothingLeaks({ context, holders, abort, run }: Scene): Promise<void> {
  await run(Promise.resolve());
  assert.equal(context.readAhead.usedBytes, 0);
  assert.equal(context.budget.usedBytes, 0);
  assert.equal(holders.underWay, 0);
  assert.equal(getEventListeners(abort.signal, "abort").length, 0);
}

test("a read that fails on its way gives back what it read ahead", async () => {
  const scene = await makeScene(4);
  let fetches = 0;
  scene.holders.gate = (verb) =>
    verb === "fetch" && fetches++ > 4
      ? Promise.reject(transportFaults.fault("peer-unreachable", "switched off"))
      : Promise.resolve();
  await assert.rejects(scene.run(readAll(scene.read())), { code: "not-enough-fragments" });
  await assertNothingLeaks(scene);
});

test("a read that is aborted, or left, ends what it had under way", async () => {
  for (const leave of ["abort", "return"] as const) {
    const scene = await makeScene(4);
    let fetches = 0;
    scene.holders.gate = (_, __, signal) => (fetches++ > 4 ? untilAborted(signal) : Promise.resolve());
    const reading = scene.read();
    assert.equal((await scene.run(reading.next())).done, false);
    assert.ok(scene.holders.underWay > 0 && scene.context.readAhead.usedBytes > 0);
    if (leave === "return") {
      await scene.run(reading.return(undefined));
    } else {
      scene.abort.abort(new Error("the reader is gone"));
      await assert.rejects(scene.run(readAll(reading)), /the reader is gone/);
    }
    await assertNothingLeaks(scene);
  }
});

test("an aborted read of content that still waits here reads nothing of it", async () => {
  const scene = await makeScene(2);
  scene.abort.abort(new Error("the reader is gone"));
  await assert.rejects(scene.run(readAll(scene.read())), /the reader is gone/);
  await assertNothingLeaks(scene);
});

test("content that moves to its holders between two looks of a reader is read from there", async () => {
  const scene = await makeScene(2);
  assert.equal(scene.context.metadata.segmentsIn("pending", 10).length, 3);
  scene.online = 4;
  const read = scene.context.spool.read.bind(scene.context.spool);
  scene.context.spool.read = async (segmentId, start, end) => {
    // The reader has seen that the segment waits here; before its file is opened, the background drains it.
    scene.context.spool.read = read;
    await upkeepRound(scene.context, new AbortController().signal);
    return read(segmentId, start, end);
  };
  assert.ok((await scene.run(readAll(scene.read()))).equals(content));
  assert.equal(scene.context.spool.usedBytes, 0);
  await assertNothingLeaks(scene);
});

test("content whose only file is gone is told as damaged, not looked for elsewhere for ever", async () => {
  const scene = await makeScene(2);
  const [first] = scene.context.metadata.segmentsIn("pending", 1);
  assert.ok(first);
  await scene.context.spoolDisk.remove(`spool/${toHex(first.segmentId)}`);
  await assert.rejects(scene.run(readAll(scene.read())), { code: "spool-damaged" });
  await assertNothingLeaks(scene);
});

test("reads are served while others have taken all memory for reading ahead", async () => {
  const scene = await makeScene(4);
  const taken = scene.context.readAhead.tryReserve(64 * 1024 * 1024);
  assert.ok(taken);
  assert.ok((await scene.run(readAll(scene.read()))).equals(content));
  taken();
  await assertNothingLeaks(scene);
});

test("a hanging holder costs a read one wait, not one for each block", async () => {
  const scene = await makeScene(4);
  const startMs = scene.context.world.monotonicMs();
  scene.holders.gate = (_, account, signal) => (account === accountOf(0) ? untilAborted(signal) : Promise.resolve());
  assert.ok((await scene.run(readAll(scene.read()))).equals(content));
  assert.ok(scene.context.world.monotonicMs() - startMs < 800);
  await assertNothingLeaks(scene);
});
