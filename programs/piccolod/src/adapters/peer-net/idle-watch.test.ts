import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededWorld } from "@piccolo/world";
import { IdleWatch } from "./idle-watch.ts";

const settled = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));

test("silence for the whole time ends an exchange as a timeout", async () => {
  const world = new SeededWorld("idle");
  const watch = new IdleWatch(world, 1_000);
  await world.advance(1_000);
  assert.ok(!watch.signal.aborted);
  await world.advance(250);
  assert.equal((watch.signal.reason as { code: string }).code, "peer-timeout");
});

test("whatever moves starts the time anew", async () => {
  const world = new SeededWorld("idle");
  const watch = new IdleWatch(world, 1_000);
  for (let round = 0; round < 10; round++) {
    await world.advance(999);
    watch.touch(0);
  }
  assert.ok(!watch.signal.aborted);
  await world.advance(1_250);
  assert.ok(watch.signal.aborted);
});

test("a paused watch does not count, and counts from the start when it goes on", async () => {
  const world = new SeededWorld("idle");
  const watch = new IdleWatch(world, 1_000);
  watch.pause();
  await world.advance(60_000);
  assert.ok(!watch.signal.aborted);
  watch.resume();
  await world.advance(1_000);
  assert.ok(!watch.signal.aborted);
  await world.advance(250);
  assert.ok(watch.signal.aborted);
});

test("a stopped watch never ends anything", async () => {
  const world = new SeededWorld("idle");
  const watch = new IdleWatch(world, 1_000);
  watch.stop();
  await settled();
  await world.advance(60_000);
  assert.ok(!watch.signal.aborted);
});

test("what trickles below the least rate counts as silence", async () => {
  const world = new SeededWorld("idle");
  const watch = new IdleWatch(world, 1_000, 2_000);
  for (let round = 0; round < 12; round++) {
    await world.advance(100);
    watch.touch(100);
  }
  assert.ok(!watch.signal.aborted);
  await world.advance(50);
  assert.equal((watch.signal.reason as { code: string }).code, "peer-timeout");
});

test("what moves at the least rate may take as long as it needs", async () => {
  const world = new SeededWorld("idle");
  const watch = new IdleWatch(world, 1_000, 2_000);
  for (let round = 0; round < 100; round++) {
    await world.advance(100);
    watch.touch(200);
  }
  assert.ok(!watch.signal.aborted);
  await world.advance(1_250);
  assert.ok(watch.signal.aborted);
});
