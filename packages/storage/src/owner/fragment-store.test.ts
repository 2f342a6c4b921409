import assert from "node:assert/strict";
import { test } from "node:test";
import { refusalFaults } from "@piccolo/wire";
import { accountOf, codedSegment, deafClient, untilAborted, within } from "../../test-support/owner-context.ts";
import type { HolderClient } from "../ports/index.ts";
import { SeededWorld } from "@piccolo/world";
import { storeFragments, type StoreRun } from "./fragment-store.ts";
import { HolderHealth } from "./holder-health.ts";

const segment = codedSegment(1, { k: 2, n: 4 });
const targets = [0, 1, 2, 3].map((index) => ({ index, account: accountOf(index) }));

interface Scene {
  readonly world: SeededWorld;
  readonly health: HolderHealth;
  readonly failures: string[];
  readonly calls: string[];
  readonly run: (enough: number) => StoreRun;
}

type Store = (holder: number, attempt: number, signal: AbortSignal) => Promise<void>;

function scene(store: Store, remove: HolderClient["remove"] = () => Promise.resolve()): Scene {
  const world = new SeededWorld(1);
  const health = new HolderHealth(world);
  const failures: string[] = [];
  const calls: string[] = [];
  const attempts = new Map<string, number>();
  const holderClient = deafClient({
    store: (account, header, body, signal) => {
      const { index } = header.key;
      assert.deepEqual(body, segment.body(index));
      const attempt = (attempts.get(account) ?? 0) + 1;
      attempts.set(account, attempt);
      calls.push(`store ${index}`);
      return store(index, attempt, signal);
    },
    remove: (account, ids, signal) => {
      calls.push(`remove ${Number.parseInt(account, 16)}`);
      assert.deepEqual(ids, [segment.segmentId]);
      return remove(account, ids, signal);
    },
  });
  const report = (event: string, facts: Readonly<Record<string, unknown>>): void => {
    assert.equal(event, "fragment-not-stored");
    failures.push(`${Number.parseInt(String(facts["holder"]), 16)} ${String(facts["code"])}`);
  };
  const context = { holderClient, health, world, report };
  return { world, health, failures, calls, run: (enough) => storeFragments(context, segment, targets, enough) };
}

const ascending = (indexes: readonly number[]): number[] => indexes.toSorted((a, b) => a - b);
const done = (): Promise<void> => Promise.resolve();
const busy = (): Promise<never> => Promise.reject(refusalFaults.fault("busy", "too much at once"));
const conflict = (): Promise<never> => Promise.reject(refusalFaults.fault("conflict", "another one lies here"));

test("every holder failing gives nothing, and each failure is told and remembered", async () => {
  const { world, health, failures, run } = scene(() => Promise.reject(refusalFaults.fault("full", "full")));
  const { enough, settled } = run(3);
  assert.deepEqual(await within(world, 0, enough), []);
  assert.deepEqual(await settled, []);
  assert.deepEqual(failures.toSorted(), ["0 full", "1 full", "2 full", "3 full"]);
  assert.ok(targets.every(({ account }) => health.rests(account)));
});

test("enough is reached without the stragglers, and these still count when they arrive", async () => {
  const late = Promise.withResolvers<undefined>();
  const { world, run } = scene(async (holder) => {
    if (holder === 3) await late.promise;
  });
  const { enough, settled } = run(3);
  assert.deepEqual(ascending(await within(world, 0, enough)), [0, 1, 2]);
  late.resolve(undefined);
  assert.deepEqual(ascending(await within(world, 0, settled)), [0, 1, 2, 3]);
});

test("a busy holder is asked again after pauses and does not count as failed; one that stays busy does", async () => {
  const passing = scene((holder, attempt) => (holder === 0 && attempt < 4 ? busy() : done()));
  assert.equal((await within(passing.world, 2_000, passing.run(4).settled)).length, 4);
  assert.equal(passing.calls.filter((call) => call === "store 0").length, 4);
  assert.ok(passing.world.monotonicMs() >= 900, "the pauses grow");
  assert.deepEqual(passing.failures, []);

  const staying = scene((holder) => (holder === 0 ? busy() : done()));
  assert.deepEqual(ascending(await within(staying.world, 2_000, staying.run(4).settled)), [1, 2, 3]);
  assert.deepEqual(staying.failures, ["0 busy"]);
});

test("an earlier coding of the segment is removed and replaced", async () => {
  const { world, calls, failures, run } = scene((holder, attempt) =>
    holder === 2 && attempt === 1 ? conflict() : done(),
  );
  assert.equal((await within(world, 0, run(4).settled)).length, 4);
  assert.deepEqual(
    calls.filter((call) => call.endsWith("2")),
    ["store 2", "remove 2", "store 2"],
  );
  assert.deepEqual(failures, []);
});

test("a holder that keeps saying conflict, or cannot remove, is given up", async () => {
  const stubborn = scene((holder) => (holder === 2 ? conflict() : done()));
  assert.equal((await within(stubborn.world, 0, stubborn.run(4).settled)).length, 3);
  assert.equal(stubborn.calls.filter((call) => call === "remove 2").length, 3);
  assert.deepEqual(stubborn.failures, ["2 conflict"]);

  const broken = scene(
    (holder) => (holder === 2 ? conflict() : done()),
    () => Promise.reject(new Error("the disk broke")),
  );
  assert.equal((await within(broken.world, 0, broken.run(4).settled)).length, 3);
  assert.equal(broken.calls.filter((call) => call === "remove 2").length, 1);
});

test("cancelling ends what runs, also a pause, and blames nobody", async () => {
  const { world, health, failures, run } = scene((holder, _, signal) => {
    if (holder === 0) return untilAborted(signal);
    return holder === 1 ? busy() : done();
  });
  const { enough, settled, cancel } = run(4);
  await within(world, 0, Promise.resolve());
  cancel();
  assert.deepEqual(ascending(await within(world, 0, settled)), [2, 3]);
  assert.deepEqual(ascending(await enough), [2, 3]);
  assert.deepEqual(failures, []);
  assert.ok(targets.every(({ account }) => !health.rests(account)));
});

test("a holder given up as too slow rests, the others do not", async () => {
  const { world, health, failures, run } = scene((holder, _, signal) => (holder === 0 ? untilAborted(signal) : done()));
  const { settled, giveUp } = run(3);
  await within(world, 0, Promise.resolve());
  giveUp();
  assert.equal((await within(world, 0, settled)).length, 3);
  assert.deepEqual(failures, ["0 peer-timeout"]);
  await world.advance(9_000);
  assert.deepEqual(
    targets.map(({ account }) => health.rests(account)),
    [true, false, false, false],
  );
});

test("a holder that hangs is given up after a minute by itself", async () => {
  const { world, failures, run } = scene((holder, _, signal) => (holder === 0 ? untilAborted(signal) : done()));
  const { settled } = run(4);
  assert.equal((await within(world, 60_000, settled)).length, 3);
  assert.deepEqual(failures, ["0 peer-timeout"]);
});
