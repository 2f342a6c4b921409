import assert from "node:assert/strict";
import { test } from "node:test";
import { oneAtATime } from "./argon2-queue.ts";

const input = {
  password: new Uint8Array(8),
  salt: new Uint8Array(32),
  memoryKiB: 64,
  passes: 1,
  parallelism: 1,
  outputBytes: 32,
};

test("one derivation runs at a time, in order, and a failed one holds up nothing", async () => {
  let running = 0;
  let most = 0;
  const ended: number[] = [];
  const argon2 = oneAtATime(async ({ passes }) => {
    running++;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    ended.push(passes);
    if (passes === 2) throw new Error("no memory");
    return new Uint8Array(32);
  });
  const results = await Promise.allSettled([1, 2, 3, 4].map((passes) => argon2({ ...input, passes })));
  assert.deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled", "fulfilled"],
  );
  assert.deepEqual([most, ended], [1, [1, 2, 3, 4]]);
});

test("what is derived is Argon2id (RFC 9106)", async () => {
  const derived = await oneAtATime()({ ...input, memoryKiB: 32, passes: 3, parallelism: 4 });
  assert.equal(derived.length, 32);
  assert.deepEqual(await oneAtATime()({ ...input, memoryKiB: 32, passes: 3, parallelism: 4 }), derived);
});
