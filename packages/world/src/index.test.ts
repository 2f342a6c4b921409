import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededWorld, type World } from "./index.ts";
import { realWorld } from "./real.ts";

function worldSuite(name: string, make: () => { world: World; pass: (ms: number) => Promise<void> }): void {
  test(`${name}: sleep ends after its time, and monotonic time has moved at least that far`, async () => {
    const { world, pass } = make();
    const beforeMs = world.monotonicMs();
    const slept = world.sleep(5);
    await pass(5);
    await slept;
    // Timers may fire up to a millisecond early by the clock's own rounding.
    assert.ok(world.monotonicMs() - beforeMs >= 4);
  });

  test(`${name}: an aborted sleep rejects with the signal's reason`, async () => {
    const { world } = make();
    const abort = new AbortController();
    const slept = world.sleep(60_000, abort.signal);
    const reason = new Error("stopping");
    abort.abort(reason);
    await assert.rejects(slept, reason);
    await assert.rejects(world.sleep(1, abort.signal), reason);
  });

  test(`${name}: random bytes have the asked length and do not repeat`, () => {
    const { world } = make();
    assert.equal(world.randomBytes(0).length, 0);
    assert.equal(world.randomBytes(33).length, 33);
    assert.notDeepEqual(world.randomBytes(32), world.randomBytes(32));
  });
}

worldSuite("real", () => ({ world: realWorld, pass: () => Promise.resolve() }));
worldSuite("seeded", () => {
  const world = new SeededWorld(1);
  return { world, pass: (ms) => world.advance(ms) };
});

test("two seeded worlds of one seed give the same bytes, two seeds different ones", () => {
  assert.deepEqual(new SeededWorld(7).randomBytes(100), new SeededWorld(7).randomBytes(100));
  assert.notDeepEqual(new SeededWorld(7).randomBytes(100), new SeededWorld(8).randomBytes(100));
});

test("a seeded world wakes sleepers in the order of their time, and what they sleep again in the same span", async () => {
  const world = new SeededWorld(1);
  const woken: string[] = [];
  void world.sleep(20).then(() => woken.push("second"));
  void world
    .sleep(10)
    .then(() => woken.push("first"))
    .then(() => world.sleep(15))
    .then(() => woken.push("third"));
  await world.advance(30);
  assert.deepEqual(woken, ["first", "second", "third"]);
  assert.equal(world.nowMs(), 1_800_000_000_030);
});
