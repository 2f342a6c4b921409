import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { FakeHolders } from "../../test-support/fake-holders.ts";
import {
  accountOf,
  holderView,
  makeContext,
  type TestContext,
  untilAborted,
  within,
} from "../../test-support/owner-context.ts";
import { CrashDisk } from "../fakes/index.ts";
import { diskFaults } from "../ports/index.ts";
import { id, pattern } from "../suites/suite.ts";
import type { EngineContext } from "./engine-context.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { Spool } from "./spool.ts";
import { extentPlainBytes, StreamingVersionWriter } from "./version-writer.ts";

const versionId = id(16, 1);
const content = pattern(150_000);

interface Scene {
  readonly context: TestContext;
  readonly holders: FakeHolders;
  readonly abort: AbortController;
  readonly stop: AbortController;
  readonly writer: StreamingVersionWriter;
  readonly ended: () => number;
  /** Runs a step with the world's time moving. */
  readonly run: <T>(step: Promise<T>) => Promise<T>;
}

async function makeScene(rest: Partial<EngineContext> = {}): Promise<Scene> {
  const holders = new FakeHolders();
  const [abort, stop] = [new AbortController(), new AbortController()];
  const views = [0, 1, 2, 3].map((number) => holderView(number));
  const context = makeContext(views, holders, { holderClient: holders, stopping: stop.signal, ...rest });
  await context.spool.open(() => true);
  context.metadata.beginVersion({ versionId, wrappedFek: id(60, 1), fekEpoch: 1 });
  let ended = 0;
  const writer = new StreamingVersionWriter(
    context,
    { versionId, fek: new Uint8Array(32).fill(5), nextOrdinal: 0, committedBytes: 0 },
    abort.signal,
    () => void ended++,
  );
  const run = <T>(step: Promise<T>): Promise<T> => within(context.world, 120_000, step);
  return { context, holders, abort, stop, writer, ended: () => ended, run };
}

/** Whatever happened: when all is over, nothing is held, listened to, or left with holders that no record names. */
async function assertNothingLeaks({ context, holders, abort, stop, ended, run }: Scene): Promise<void> {
  for (let seen = -1; seen < context.background.length;) {
    seen = context.background.length;
    await run(Promise.all(context.background));
  }
  await run(Promise.resolve());
  assert.equal(ended(), 1);
  assert.equal(context.budget.usedBytes, 0);
  assert.ok(!context.budget.contended);
  assert.equal(context.placing.size, 0);
  assert.equal(holders.underWay, 0);
  assert.equal(getEventListeners(abort.signal, "abort").length, 0, "the request's signal");
  assert.equal(getEventListeners(stop.signal, "abort").length, 0, "the engine's signal");
  const kept = context.metadata.extents(versionId).map(({ segmentId }) => segmentId);
  assert.ok(holders.segments().every((held) => kept.some((segmentId) => Buffer.from(segmentId).equals(held))));
  const pending = context.metadata.segmentsIn("pending", 10);
  assert.equal((await context.spoolDisk.list("spool")).length, pending.length);
}

const busySignal = (_: string, __: string, signal: AbortSignal): Promise<void> => untilAborted(signal);

test("a finished write leaves nothing behind but what it wrote, over several segments", async () => {
  const scene = await makeScene();
  await scene.run(scene.writer.write(pattern(extentPlainBytes + 1_000)));
  await scene.run(scene.writer.finish());
  await scene.writer.abort();
  assert.deepEqual(
    scene.context.metadata.extents(versionId).map(({ plainBytes }) => plainBytes),
    [extentPlainBytes, 1_000],
  );
  assert.equal(scene.writer.committedBytes, extentPlainBytes + 1_000);
  await assertNothingLeaks(scene);
});

test("an aborted write gives back the segment it was filling", async () => {
  const scene = await makeScene();
  await scene.run(scene.writer.write(content));
  assert.ok(scene.context.budget.usedBytes > 0);
  await scene.run(scene.writer.abort());
  await scene.run(scene.writer.abort());
  await assertNothingLeaks(scene);
});

test("a request that is given up while fragments are on their way takes them back", async () => {
  const scene = await makeScene();
  scene.holders.gate = (verb, account, signal) =>
    verb === "store" && account !== accountOf(0) ? untilAborted(signal) : Promise.resolve();
  await scene.run(scene.writer.write(content));
  const finishing = scene.writer.finish();
  finishing.catch(() => undefined);
  await scene.context.world.advance(1);
  scene.abort.abort(new Error("the client is gone"));
  await assert.rejects(scene.run(finishing), /the client is gone/);
  await scene.run(scene.writer.abort());
  assert.deepEqual(scene.context.metadata.extents(versionId), []);
  assert.deepEqual(scene.holders.segments(), []);
  await assertNothingLeaks(scene);
});

test("a request that is given up while it waits for memory takes none", async () => {
  const budget = new MemoryBudget(1_000);
  const scene = await makeScene({ budget });
  const other = await budget.take(1_000, new AbortController().signal);
  const writing = scene.writer.write(content);
  writing.catch(() => undefined);
  await scene.run(Promise.resolve());
  assert.ok(budget.contended);
  scene.abort.abort(new Error("the client is gone"));
  await assert.rejects(writing, /the client is gone/);
  await scene.run(scene.writer.abort());
  other.release();
  await assertNothingLeaks(scene);
});

test("memory that is granted in the very moment of giving up is given back", async () => {
  const budget = new MemoryBudget(1_000);
  const scene = await makeScene({ budget });
  const other = await budget.take(1_000, new AbortController().signal);
  const writing = scene.writer.write(content);
  writing.catch(() => undefined);
  await scene.run(Promise.resolve());
  other.release();
  scene.abort.abort(new Error("the client is gone"));
  await assert.rejects(writing, /the client is gone/);
  await scene.run(scene.writer.abort());
  await assertNothingLeaks(scene);
});

test("a spool without room fails the write, and what some holders took is removed again", async () => {
  const disk = new CrashDisk();
  const spool = new Spool(disk, 1_000);
  await disk.makeFolder("spool");
  const scene = await makeScene({ spool });
  scene.holders.gate = (verb, account) =>
    verb === "store" && account !== accountOf(0)
      ? Promise.reject(diskFaults.fault("disk-error", "broken"))
      : Promise.resolve();
  await scene.run(scene.writer.write(content));
  await assert.rejects(scene.run(scene.writer.finish()), { code: "too-few-holders" });
  await scene.run(scene.writer.abort());
  assert.deepEqual(scene.holders.segments(), []);
  await assertNothingLeaks(scene);
});

test("a commit that fails fails the write and takes its fragments back", async () => {
  const scene = await makeScene();
  scene.context.metadata.commitExtent = () => {
    throw diskFaults.fault("disk-full", "the database has no room");
  };
  await scene.run(scene.writer.write(content));
  await assert.rejects(scene.run(scene.writer.finish()), { code: "disk-full" });
  await scene.run(scene.writer.abort());
  assert.deepEqual(scene.holders.segments(), []);
  await assertNothingLeaks(scene);
});

test("a failed segment fails those behind it, and nothing is committed out of order", async () => {
  const scene = await makeScene();
  let commits = 0;
  const commit = scene.context.metadata.commitExtent.bind(scene.context.metadata);
  scene.context.metadata.commitExtent = (extent, segment) => {
    if (commits++ === 1) throw diskFaults.fault("disk-error", "the database cannot be written");
    commit(extent, segment);
  };
  const writing = (async () => {
    await scene.writer.write(pattern(3 * extentPlainBytes));
    await scene.writer.finish();
  })();
  await assert.rejects(scene.run(writing), { code: "disk-error" });
  await scene.run(scene.writer.abort());
  assert.deepEqual(
    scene.context.metadata.extents(versionId).map(({ ordinal }) => ordinal),
    [0],
  );
  await assertNothingLeaks(scene);
});

test("an upload that is cancelled while its bytes come is told so, and leaves nothing with anybody", async () => {
  const scene = await makeScene();
  await scene.run(scene.writer.write(content));
  scene.context.metadata.removeVersion(versionId);
  await assert.rejects(scene.run(scene.writer.finish()), { code: "version-unknown" });
  await scene.run(scene.writer.abort());
  assert.deepEqual(scene.holders.segments(), []);
  await assertNothingLeaks(scene);
});

test("an engine that stops ends its writers with its reason", async () => {
  const scene = await makeScene();
  scene.holders.gate = busySignal;
  await scene.run(scene.writer.write(content));
  const finishing = scene.writer.finish();
  finishing.catch(() => undefined);
  await scene.context.world.advance(1);
  scene.stop.abort(new Error("the engine stops"));
  await assert.rejects(scene.run(finishing), /the engine stops/);
  await scene.run(scene.writer.abort());
  await assertNothingLeaks(scene);
});

test("holders that cannot be reached make the content wait, and a holder that took a part keeps it for later", async () => {
  const scene = await makeScene();
  scene.holders.gate = (verb, account) =>
    verb === "store" && account !== accountOf(0)
      ? Promise.reject(diskFaults.fault("disk-error", "broken"))
      : Promise.resolve();
  await scene.run(scene.writer.write(content));
  await scene.run(scene.writer.finish());
  const [segment] = scene.context.metadata.segmentsIn("pending", 2);
  assert.equal(segment?.placed.length, 1);
  await assertNothingLeaks(scene);
});

test("a hanging holder neither delays the write nor keeps its memory for more than ten seconds", async () => {
  const scene = await makeScene();
  scene.holders.gate = (_, account, signal) => (account === accountOf(3) ? untilAborted(signal) : Promise.resolve());
  await scene.run(scene.writer.write(content));
  await within(scene.context.world, 100, scene.writer.finish());
  assert.ok(scene.context.budget.usedBytes > 0, "the straggler still reads from it");
  await scene.context.world.advance(10_500);
  assert.equal(scene.context.budget.usedBytes, 0);
  assert.ok(scene.context.health.rests(accountOf(3)));
  await assertNothingLeaks(scene);
});

test("where memory is wanted elsewhere, stragglers of a durable segment are cut short and nobody is blamed", async () => {
  const budget = new MemoryBudget(20 * 1024 * 1024);
  const scene = await makeScene({ budget });
  scene.holders.gate = (_, account, signal) => (account === accountOf(3) ? untilAborted(signal) : Promise.resolve());
  await scene.run(scene.writer.write(content));
  await within(scene.context.world, 100, scene.writer.finish());
  const other = budget.take(16 * 1024 * 1024, new AbortController().signal);
  (await within(scene.context.world, 1_100, other)).release();
  assert.ok(!scene.context.health.rests(accountOf(3)));
  await assertNothingLeaks(scene);
});
