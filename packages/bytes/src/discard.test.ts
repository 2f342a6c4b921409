import assert from "node:assert/strict";
import { test } from "node:test";
import { discard } from "./index.ts";

test("discarding frees bytes that are all there is in their memory, once", () => {
  const bytes = new Uint8Array([1, 2, 3]);
  discard(bytes);
  assert.equal(bytes.length, 0);
  assert.ok(bytes.buffer.detached);
  discard(bytes);
});

test("bytes that lie in memory with others stay as they are", () => {
  const whole = new Uint8Array([1, 2, 3]);
  discard(whole.subarray(1));
  discard(Buffer.from("abc"));
  assert.deepEqual([...whole], [1, 2, 3]);
});
