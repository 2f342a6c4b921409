import assert from "node:assert/strict";
import { test } from "node:test";
import { realWorld } from "@piccolo/world/real";
import { ChunkQueue } from "./chunk-queue.ts";
import { IdleWatch } from "./idle-watch.ts";

function queue(): ChunkQueue {
  const watch = new IdleWatch(realWorld, 10_000);
  watch.stop();
  return new ChunkQueue(watch, { pause: () => undefined, resume: () => undefined });
}

test("filling fails where the channel breaks first, and nothing is written to the memory afterwards", async () => {
  const source = queue();
  const into = new Uint8Array(4);
  const filling = source.readInto(into);
  source.push(Uint8Array.of(1, 2));
  source.fail(new Error("gone"));
  await assert.rejects(filling, { code: "peer-unreachable" });
  assert.equal(source.push(Uint8Array.of(3, 4)), false);
  assert.deepEqual([...into], [1, 2, 0, 0]);
});

test("filling says how much there was where the sender ended first", async () => {
  const source = queue();
  const filling = source.readInto(new Uint8Array(4));
  source.push(Uint8Array.of(1, 2, 3));
  source.end();
  assert.equal(await filling, 3);
});

test("filling takes what waits, then what comes, and leaves the rest to whoever asks next", async () => {
  const source = queue();
  assert.equal(source.push(Uint8Array.of(1, 2)), false);
  const into = new Uint8Array(5);
  const filling = source.readInto(into);
  assert.equal(source.push(Uint8Array.of(3)), true);
  assert.equal(source.push(Uint8Array.of(4, 5, 6)), false);
  assert.equal(await filling, 5);
  assert.deepEqual([...into], [1, 2, 3, 4, 5]);
  assert.deepEqual(await source.next(), Uint8Array.of(6));
  source.end();
  assert.equal(await source.next(), undefined);
});

test("what waits in one chunk is filled from without losing the chunk's rest", async () => {
  const source = queue();
  source.push(Uint8Array.of(1, 2, 3));
  const into = new Uint8Array(2);
  assert.equal(await source.readInto(into), 2);
  assert.deepEqual([...into], [1, 2]);
  assert.deepEqual(await source.next(), Uint8Array.of(3));
});
