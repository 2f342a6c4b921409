import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededWorld } from "@piccolo/world";
import { endingWhenStalled } from "./stall.ts";

const never = new AbortController().signal;
const limit = { afterMs: 1_000, error: () => new Error("nothing came through") };

test("work that gives no sign of life is ended, also where it does not hear of it", async () => {
  const world = new SeededWorld("stall");
  const seen: AbortSignal[] = [];
  const result = endingWhenStalled(world, limit, never, (signal) => {
    seen.push(signal);
    return new Promise<never>(() => undefined);
  });
  const refused = assert.rejects(result, /nothing came through/);
  await world.advance(1_000);
  await refused;
  assert.equal(seen[0]?.aborted, true);
});

test("work that lives may take as long as it needs", async () => {
  const world = new SeededWorld("alive");
  const result = endingWhenStalled(world, limit, never, async (_, alive) => {
    for (let at = 0; at < 10; at++) {
      await world.sleep(900);
      alive();
    }
    return "done";
  });
  for (let at = 0; at < 10; at++) await world.advance(900);
  assert.equal(await result, "done");
});

test("who is called off ends it in the work's own way", async () => {
  const world = new SeededWorld("called off");
  const outer = new AbortController();
  const result = endingWhenStalled(world, limit, outer.signal, (signal) => world.sleep(10_000, signal));
  const refused = assert.rejects(result, /enough/);
  outer.abort(new Error("enough"));
  await refused;
  await assert.rejects(
    endingWhenStalled(world, limit, outer.signal, () => assert.fail("it is not begun")),
    /enough/,
  );
});
