import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "@piccolo/bytes";
import { FakeHolders } from "../../test-support/fake-holders.ts";
import {
  accountOf,
  codedSegment,
  holderView,
  makeContext,
  type TestContext,
  untilAborted,
  within,
} from "../../test-support/owner-context.ts";
import type { HolderView, SegmentRecord } from "../ports/index.ts";
import { fixedPolicy } from "../policy/index.ts";
import { id, pattern } from "../suites/suite.ts";
import type { EngineContext } from "./engine-context.ts";
import { upkeepRound } from "./upkeep.ts";

const never = new AbortController().signal;
const code = { k: 2, n: 4 };
const sealedBytes = 1_000;

interface Scene {
  readonly context: TestContext;
  readonly holders: FakeHolders;
  /** Who is a member now; a test changes it. */
  views: HolderView[];
  /** The given numbers of holders are the members now; those of them named as away are offline. */
  members(numbers: readonly number[], away?: readonly number[]): void;
  add(number: number, rest?: Partial<SegmentRecord>): SegmentRecord;
  /** A segment whose sealed bytes lie in the spool. */
  addPending(number: number, rest?: Partial<SegmentRecord>): Promise<SegmentRecord>;
  segment(number: number): SegmentRecord | undefined;
  round(signal?: AbortSignal): Promise<boolean>;
}

async function makeScene(numbers: readonly number[], rest: Partial<EngineContext> = {}): Promise<Scene> {
  const holders = new FakeHolders();
  let made = 0;
  const scene: Scene = {
    holders,
    views: numbers.map((number) => holderView(number)),
    context: makeContext([], holders, {
      members: { holders: () => scene.views, onChange: () => () => undefined },
      holderClient: holders,
      ...rest,
    }),
    members: (present, away = []) => {
      scene.views = present.map((number) => holderView(number, { online: !away.includes(number) }));
    },
    add: (number, fields = {}) => {
      const { segmentRoot, fragmentBytes } = codedSegment(number, code, sealedBytes);
      const record: SegmentRecord = {
        segmentId: id(16, number),
        segmentRoot,
        ...code,
        sealedBytes,
        fragmentBytes,
        holders: [0, 1, 2, 3].map(accountOf),
        placed: [0, 1, 2, 3],
        state: "placed",
        createdAtMs: made++,
        ...fields,
      };
      const extent = { versionId: id(16, number), ordinal: 0, offsetBytes: 0, plainBytes: 900, salt: id(16, 1) };
      scene.context.metadata.beginVersion({ versionId: extent.versionId, wrappedFek: id(60, number), fekEpoch: 1 });
      scene.context.metadata.commitExtent({ ...extent, segmentId: record.segmentId }, record);
      const coded = codedSegment(number, { k: record.k, n: record.n }, sealedBytes);
      for (const index of record.placed) {
        holders.put(record.holders[index] ?? "", coded.header(index), coded.body(index));
      }
      return record;
    },
    addPending: async (number, fields = {}) => {
      await scene.context.spool.put(id(16, number), pattern(sealedBytes, number));
      return scene.add(number, { state: "pending", placed: [], ...fields });
    },
    segment: (number) => scene.context.metadata.segment(id(16, number)),
    round: (signal = never) => within(scene.context.world, 120_000, upkeepRound(scene.context, signal)),
  };
  await scene.context.spool.open(() => true);
  return scene;
}

const nobodyYet = { k: 1, n: 1, holders: [], segmentRoot: new Uint8Array(32), fragmentBytes: sealedBytes };

test("pending content whose bytes are damaged is told, and what waits behind it is placed", async () => {
  const scene = await makeScene([0, 1, 2, 3]);
  await scene.addPending(1);
  await scene.addPending(2);
  await scene.context.spoolDisk.createFile(`spool/${toHex(id(16, 1))}`, [pattern(sealedBytes, 99)]);
  await scene.round();
  assert.equal(scene.segment(1)?.state, "pending");
  assert.equal(scene.segment(2)?.state, "placed");
  assert.match(scene.context.reports.join("\n"), /segment-not-completed.*spool-damaged/);
  assert.equal(scene.context.budget.usedBytes, 0);
});

test("pending content stays here while fewer than s of its holders can be reached, and nobody is asked in vain", async () => {
  const scene = await makeScene([]);
  scene.members([0, 1, 2, 3], [0, 1]);
  const record = await scene.addPending(1);
  assert.equal(await scene.round(), false);
  assert.deepEqual(scene.segment(1), record);
  assert.deepEqual(scene.holders.calls, []);
  scene.members([0, 1, 2, 3], [0]);
  assert.equal(await scene.round(), true);
  assert.deepEqual(scene.segment(1)?.placed, [1, 2, 3]);
  assert.equal(scene.segment(1)?.state, "placed");
  assert.equal(scene.context.spool.usedBytes, 0);
  assert.deepEqual(scene.segment(1)?.segmentRoot, record.segmentRoot, "the fragments are those of the first coding");
});

test("content that waits without holders is given some once the network has grown enough", async () => {
  const scene = await makeScene([0, 1, 2]);
  await scene.addPending(1, nobodyYet);
  assert.equal(await scene.round(), false);
  assert.deepEqual(scene.holders.calls, []);
  scene.members([0, 1, 2, 3]);
  assert.equal(await scene.round(), true);
  const placed = scene.segment(1);
  assert.deepEqual([placed?.k, placed?.n, placed?.state, placed?.placed.length], [2, 4, "placed", 4]);
  assert.equal(Object.keys(scene.holders.whereIs(id(16, 1))).length, 4);
  assert.equal(scene.context.spool.usedBytes, 0);
});

test("where a holder of waiting content has left, others get it, and those no longer meant to hold it forget it", async () => {
  const scene = await makeScene([]);
  scene.members([0, 1, 2, 3, 4, 5, 6]);
  await scene.addPending(1, { placed: [0, 1] });
  scene.members([1, 2, 3, 4, 5, 6]);
  scene.views = scene.views.map((view) => (view.account === accountOf(1) ? { ...view, domain: "home" } : view));
  await scene.round();
  await Promise.all(scene.context.background);
  const now = scene.segment(1);
  assert.equal(now?.state, "placed");
  assert.ok(!now.holders.includes(accountOf(0)) && !now.holders.includes(accountOf(1)));
  const where = scene.holders.whereIs(id(16, 1));
  assert.ok(!(accountOf(1) in where), "it was told to forget its fragment");
  assert.deepEqual(Object.keys(where).filter((account) => now.holders.includes(account)).length, 4);
});

test("waiting content goes to those present where its own holders are away and that makes it durable", async () => {
  const scene = await makeScene([]);
  scene.members([0, 1, 2, 3, 4, 5], [0, 1]);
  scene.views = scene.views.map((view) => (view.online ? view : { ...view, lastSeenMs: 0 }));
  await scene.addPending(1);
  await scene.round();
  assert.equal(scene.segment(1)?.state, "placed");
  assert.deepEqual(scene.segment(1)?.holders.toSorted(), [2, 3, 4, 5].map(accountOf));
});

test("a fragment that was stored but not noted before a crash is noted without a second copy anywhere", async () => {
  const scene = await makeScene([0, 1, 2, 3]);
  await scene.addPending(1);
  const coded = codedSegment(1, code, sealedBytes);
  scene.holders.put(accountOf(2), coded.header(2), coded.body(2));
  await scene.round();
  assert.deepEqual(scene.segment(1)?.placed, [0, 1, 2, 3]);
  assert.deepEqual(scene.holders.whereIs(id(16, 1)), Object.fromEntries([0, 1, 2, 3].map((at) => [accountOf(at), at])));
});

test("content that enough holders have is no longer pending, also when all of them are away by now", async () => {
  const scene = await makeScene([]);
  scene.members([0, 1, 2, 3], [0, 1, 2, 3]);
  await scene.addPending(1, { placed: [0, 1, 2] });
  await scene.round();
  assert.equal(scene.segment(1)?.state, "placed");
  assert.equal(scene.context.spool.usedBytes, 0);
});

test("segments that can get no further do not keep the work from those behind them", async () => {
  const scene = await makeScene([0, 1, 2, 3], { policy: fixedPolicy({ k: 2, n: 4 }) });
  const left = [0, 1, 2, 9].map(accountOf);
  for (let number = 1; number <= 600; number++) scene.add(number, { holders: left, placed: [0, 1, 2] });
  scene.add(601, { placed: [0, 1, 2] });
  assert.equal(await scene.round(), true);
  assert.deepEqual(scene.segment(601)?.placed, [0, 1, 2, 3]);
  assert.deepEqual(scene.segment(600)?.placed, [0, 1, 2]);
});

test("dead segments that wait for one holder do not keep others from being removed, and confirmations are asked for once", async () => {
  const scene = await makeScene([]);
  scene.members([0, 1, 2, 3, 4], [3]);
  for (let number = 1; number <= 600; number++) scene.add(number);
  scene.add(601, { holders: [0, 1, 2, 4].map(accountOf) });
  for (let number = 1; number <= 601; number++) scene.context.metadata.removeVersion(id(16, number));
  await scene.round();
  assert.equal(scene.segment(601), undefined);
  assert.deepEqual(scene.segment(1)?.placed, [3]);
  assert.deepEqual(Object.keys(scene.holders.whereIs(id(16, 300))), [accountOf(3)]);
  scene.holders.calls.length = 0;
  await scene.round();
  assert.deepEqual(scene.holders.calls, []);
  scene.members([0, 1, 2, 3, 4]);
  await scene.round();
  assert.deepEqual(new Set(scene.holders.calls), new Set(["remove 3"]));
  assert.equal(scene.context.metadata.segmentsIn("dead", 1).length, 0);
  assert.equal(scene.context.confirmedRemovals.size, 0);
});

test("a holder that was never heard to have stored a dead segment's fragment is told as well", async () => {
  const scene = await makeScene([0, 1, 2, 3]);
  scene.add(1, { placed: [0, 1, 2] });
  const coded = codedSegment(1, code, sealedBytes);
  scene.holders.put(accountOf(3), coded.header(3), coded.body(3));
  scene.context.metadata.removeVersion(id(16, 1));
  await scene.round();
  assert.deepEqual(scene.holders.whereIs(id(16, 1)), {});
  assert.equal(scene.segment(1), undefined);
});

test("a dead segment is forgotten although a holder that has left may still have its part", async () => {
  const scene = await makeScene([0, 1, 2]);
  scene.add(1);
  scene.context.metadata.removeVersion(id(16, 1));
  await scene.round();
  assert.equal(scene.segment(1), undefined);
});

test("a dead segment is left alone while the requests of its first placement run", async () => {
  const scene = await makeScene([0, 1, 2, 3]);
  scene.add(1);
  scene.context.metadata.removeVersion(id(16, 1));
  scene.context.placing.add(toHex(id(16, 1)));
  await scene.round();
  assert.deepEqual(scene.holders.calls, []);
  assert.equal(scene.segment(1)?.state, "dead");
  scene.context.placing.clear();
  await scene.round();
  assert.equal(scene.segment(1), undefined);
});

test("what is removed while it is being placed is removed from those it was placed on", async () => {
  const scene = await makeScene([0, 1, 2, 3]);
  await scene.addPending(1);
  scene.holders.gate = (verb) => {
    if (verb === "store") scene.context.metadata.removeVersion(id(16, 1));
    return Promise.resolve();
  };
  await scene.round();
  assert.equal(scene.segment(1)?.state, "dead");
  await scene.round();
  assert.equal(scene.segment(1), undefined);
  assert.deepEqual(scene.holders.whereIs(id(16, 1)), {});
  assert.equal(scene.context.spool.usedBytes, 0);
});

test("a holder that never confirms a removal holds up the round for half a minute at most", async () => {
  const scene = await makeScene([0, 1, 2, 3]);
  scene.add(1);
  scene.context.metadata.removeVersion(id(16, 1));
  scene.holders.gate = (_, account, signal) => (account === accountOf(2) ? untilAborted(signal) : Promise.resolve());
  await scene.round();
  assert.deepEqual(scene.segment(1)?.placed, [2]);
  assert.ok(scene.context.health.rests(accountOf(2)));
  assert.match(scene.context.reports.join("\n"), /fragment-not-removed.*peer-timeout/);
});

test("what is dead is freed by holders only once that would outlive the device, and in the spool at once", async () => {
  let isKept = false;
  const scene = await makeScene([0, 1, 2, 3], { isKept: () => Promise.resolve(isKept) });
  scene.add(1);
  await scene.addPending(2);
  for (const number of [1, 2]) scene.context.metadata.removeVersion(id(16, number));
  await scene.round();
  assert.deepEqual([scene.segment(1)?.state, scene.segment(2)?.state], ["dead", "dead"]);
  assert.equal(scene.holders.segments().length > 0, true);
  assert.equal(scene.context.spool.usedBytes, 0);
  isKept = true;
  await scene.round();
  assert.deepEqual([scene.segment(1), scene.segment(2)], [undefined, undefined]);
  assert.deepEqual(scene.holders.segments(), []);
});

test("stopping in the middle ends everything under way, gives all memory back and loses nothing", async () => {
  for (const verb of ["store", "fetch", "remove"]) {
    const scene = await makeScene([0, 1, 2, 3]);
    await scene.addPending(1);
    await scene.addPending(2);
    scene.add(3, { placed: [0, 1, 2] });
    scene.add(4);
    scene.context.metadata.removeVersion(id(16, 4));
    const stop = new AbortController();
    scene.holders.gate = (asked, _, signal) => (asked === verb ? untilAborted(signal) : Promise.resolve());
    const round = upkeepRound(scene.context, stop.signal);
    round.catch(() => undefined);
    await scene.context.world.advance(50);
    assert.ok(scene.holders.underWay > 0, verb);
    stop.abort(new Error("the engine stops"));
    await within(scene.context.world, 10, Promise.allSettled([round]));
    assert.equal(scene.holders.underWay, 0, verb);
    assert.equal(scene.context.budget.usedBytes, 0, verb);
    scene.holders.gate = () => Promise.resolve();
    await scene.round();
    assert.deepEqual(
      [1, 2, 3].map((number) => scene.segment(number)?.placed.length),
      [4, 4, 4],
      verb,
    );
    assert.equal(scene.segment(4), undefined, verb);
    assert.equal(scene.context.spool.usedBytes, 0);
  }
});
