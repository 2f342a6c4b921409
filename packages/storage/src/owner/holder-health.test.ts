import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededWorld } from "@piccolo/world";
import { HolderHealth } from "./holder-health.ts";

/** How long the holder rests from now on. */
async function restMs(health: HolderHealth, world: SeededWorld): Promise<number> {
  let ms = 0;
  for (; health.rests("a"); ms += 250) await world.advance(250);
  return ms;
}

test("a holder of which nothing is known does not rest", () => {
  assert.ok(!new HolderHealth(new SeededWorld(1)).rests("a"));
});

test("each failure doubles the rest, up to half a minute; a success ends it and the doubling", async () => {
  const world = new SeededWorld(1);
  const health = new HolderHealth(world);
  const rests: number[] = [];
  for (let failure = 0; failure < 8; failure++) {
    health.failed("a");
    rests.push(await restMs(health, world));
  }
  assert.deepEqual(rests, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  health.failed("a");
  health.succeeded("a");
  assert.ok(!health.rests("a"));
  health.failed("a");
  assert.equal(await restMs(health, world), 500);
});

test("a holder may be given a longer rest from the start", async () => {
  const world = new SeededWorld(1);
  const health = new HolderHealth(world);
  health.failed("a", 10_000);
  assert.equal(await restMs(health, world), 10_000);
});

test("one holder's failures are not another's", () => {
  const health = new HolderHealth(new SeededWorld(1));
  health.failed("a");
  assert.ok(health.rests("a") && !health.rests("b"));
});
