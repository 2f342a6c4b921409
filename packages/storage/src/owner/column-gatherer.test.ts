import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { refusalFaults } from "@piccolo/wire";
import {
  accountOf,
  codedSegment,
  holderView,
  makeContext,
  type TestContext,
  untilAborted,
  within,
} from "../../test-support/owner-context.ts";
import { type HolderView, type SegmentRecord, transportFaults } from "../ports/index.ts";
import { gatherColumns } from "./column-gatherer.ts";

const code = { k: 2, n: 5 };
const coded = codedSegment(1, code, 300_000);
const whole = { first: 0, count: 3 };
const never = new AbortController().signal;

const record: SegmentRecord = {
  segmentId: coded.segmentId,
  segmentRoot: coded.segmentRoot,
  ...code,
  sealedBytes: 300_000,
  fragmentBytes: coded.fragmentBytes,
  holders: [0, 1, 2, 3, 4].map(accountOf),
  placed: [0, 1, 2, 3, 4],
  state: "placed",
  createdAtMs: 0,
};

/** Milliseconds after which a holder answers, or what it does instead. */
type Conduct = number | "fails" | "hangs" | "lies" | "busy once" | "busy";

interface Scene {
  readonly context: TestContext;
  /** Holders in the order in which they were asked. */
  readonly asked: number[];
  readonly gone: Set<number>;
}

function scene(conduct: readonly Conduct[], views: readonly Partial<HolderView>[] = []): Scene {
  const asked: number[] = [];
  const gone = new Set<number>();
  const holders = conduct.map((_, number) => holderView(number, views[number]));
  const context: TestContext = makeContext(holders, {
    fetch: async (account, key, { firstCell, cellCount }, signal) => {
      asked.push(key.index);
      assert.equal(account, accountOf(key.index));
      const does = conduct[key.index] ?? "fails";
      signal.addEventListener("abort", () => gone.add(key.index), { once: true });
      if (does === "fails") throw transportFaults.fault("peer-unreachable", "switched off");
      const isFirst = asked.filter((index) => index === key.index).length === 1;
      if (does === "busy" || (does === "busy once" && isFirst)) throw refusalFaults.fault("busy", "too much at once");
      if (does === "hangs") return untilAborted(signal);
      if (typeof does === "number" && does > 0) await context.world.sleep(does, signal);
      const from = does === "lies" ? codedSegment(2, code, 300_000) : coded;
      const cells = from.body(key.index).slice(firstCell, firstCell + cellCount);
      return { header: from.header(key.index), cells, release: () => undefined };
    },
  });
  return { context, asked, gone };
}

const indexes = (columns: readonly { readonly index: number }[]): number[] =>
  columns.map(({ index }) => index).toSorted((a, b) => a - b);

test("all holders failing is reported with how many are missing, after each was asked once", async () => {
  const { context, asked } = scene(["fails", 0, "fails", "fails", "fails"]);
  const gathering = gatherColumns(context, record, whole, { eager: false }, never);
  await assert.rejects(within(context.world, 0, gathering), (error: unknown) => {
    const { code: fault, details } = error as { code: string; details: { missing: number; needed: number } };
    assert.deepEqual([fault, details.missing, details.needed], ["not-enough-fragments", 1, 2]);
    return true;
  });
  assert.deepEqual(indexes(asked.map((index) => ({ index }))), [0, 1, 2, 3, 4]);
});

test("nobody to ask is not enough, at once", async () => {
  const { context } = scene([0, 0, 0, 0, 0]);
  const alone = { ...record, placed: [] as number[], holders: [8, 9, 10, 11, 12].map(accountOf) };
  await assert.rejects(gatherColumns(context, alone, whole, { eager: true }, never), { code: "not-enough-fragments" });
});

test("an aborted signal asks nobody", async () => {
  const { context, asked } = scene([0, 0, 0, 0, 0]);
  const abort = new AbortController();
  abort.abort(new Error("gone"));
  await assert.rejects(gatherColumns(context, record, whole, { eager: true }, abort.signal), /gone/);
  assert.deepEqual(asked, []);
});

test("k holders are asked, and with eager one more", async () => {
  for (const eager of [false, true]) {
    const { context, asked } = scene([10, 10, 10, 10, 10]);
    const columns = await within(context.world, 20, gatherColumns(context, record, whole, { eager }, never));
    assert.equal(columns.length, 2);
    assert.deepEqual(asked, eager ? [0, 1, 2] : [0, 1]);
    assert.deepEqual(
      columns.map(({ index, cells }) => [index, cells.length]),
      [
        [0, 3],
        [1, 3],
      ],
    );
  }
});

test("the next holder is asked at once where one fails, lies or has another segment's fragment", async () => {
  for (const bad of ["fails", "lies"] as const) {
    const { context, asked } = scene([bad, 5, 5, 5, 5]);
    const columns = await within(context.world, 10, gatherColumns(context, record, whole, { eager: false }, never));
    assert.deepEqual(indexes(columns), [1, 2]);
    assert.deepEqual(asked, [0, 1, 2]);
    assert.ok(context.health.rests(accountOf(0)));
    assert.match(context.reports.join("\n"), /fragment-not-fetched/);
  }
});

test("a busy holder is asked again after a pause; one that stays busy is replaced", async () => {
  const passing = scene(["busy once", 0, "fails", "fails", "fails"]);
  const gathering = gatherColumns(passing.context, record, whole, { eager: false }, never);
  assert.deepEqual(indexes(await within(passing.context.world, 200, gathering)), [0, 1]);
  assert.ok(!passing.context.health.rests(accountOf(0)));

  const staying = scene(["busy", 0, "fails", "fails", 0]);
  const replaced = gatherColumns(staying.context, record, whole, { eager: false }, never);
  assert.deepEqual(indexes(await within(staying.context.world, 2_000, replaced)), [1, 4]);
});

test("while a holder is late one more is asked each time, and who comes first counts", async () => {
  const { context, asked, gone } = scene(["hangs", 1, "hangs", 1, 1]);
  const columns = await within(context.world, 900, gatherColumns(context, record, whole, { eager: false }, never));
  assert.deepEqual(indexes(columns), [1, 3]);
  assert.deepEqual(asked, [0, 1, 2, 3]);
  assert.ok(context.world.monotonicMs() >= 800);
  assert.deepEqual(indexes([...gone].map((index) => ({ index }))), [0, 1, 2, 3], "what still ran was ended");
  assert.ok(context.health.rests(accountOf(0)), "the next read passes over who was late");
});

test("being overtaken before anybody counts as late is no failure", async () => {
  const { context } = scene([1, 1, 300, 1, 1]);
  await within(context.world, 10, gatherColumns(context, record, whole, { eager: true }, never));
  assert.ok([0, 1, 2].every((number) => !context.health.rests(accountOf(number))));
});

test("a late holder that answers after all is taken", async () => {
  const { context } = scene([5_000, 1, "fails", "fails", "fails"]);
  const columns = await within(context.world, 6_000, gatherColumns(context, record, whole, { eager: true }, never));
  assert.deepEqual(indexes(columns), [0, 1]);
});

test("holders that hang for ever are given up after half a minute", async () => {
  const { context } = scene(["hangs", 1, "hangs", "hangs", "hangs"]);
  const gathering = gatherColumns(context, record, whole, { eager: true }, never);
  await assert.rejects(within(context.world, 31_000, gathering), { code: "not-enough-fragments" });
});

test("giving up ends every request with the caller's reason", async () => {
  const { context, gone } = scene(["hangs", "hangs", "hangs", "hangs", "hangs"]);
  const abort = new AbortController();
  const gathering = gatherColumns(context, record, whole, { eager: true }, abort.signal);
  gathering.catch(() => undefined);
  await context.world.advance(1_000);
  abort.abort(new Error("the reader left"));
  await assert.rejects(within(context.world, 0, gathering), /the reader left/);
  assert.deepEqual(indexes([...gone].map((index) => ({ index }))), [0, 1, 2, 3, 4]);
});

test("a signal that served many gatherings keeps no listeners", async () => {
  const { signal } = new AbortController();
  for (let round = 0; round < 12; round++) {
    const { context } = scene(round % 2 === 0 ? [0, 0, 0, 0, 0] : ["fails", "fails", "fails", "fails", "fails"]);
    await gatherColumns(context, record, whole, { eager: true }, signal).catch(() => undefined);
  }
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

test("those known to have a fragment are asked first, those that only may have it last and only when online", async () => {
  const views = [{}, {}, { online: false }, { roundTripMs: 200 }, { online: false }];
  const { context, asked } = scene(["fails", "fails", "fails", "fails", "fails"], views);
  const some = { ...record, placed: [2, 3] };
  await assert.rejects(gatherColumns(context, some, whole, { eager: false }, never), {
    code: "not-enough-fragments",
  });
  assert.deepEqual(asked, [3, 2, 0, 1]);
});
