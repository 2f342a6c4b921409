import assert from "node:assert/strict";
import { test } from "node:test";
import { newIdempotencyKey } from "./idempotency-key.ts";

test("a key is new each time, and is made also where the page did not come over an encrypted connection", (t) => {
  t.mock.method(crypto, "randomUUID", () => assert.fail("there is no such function on plain HTTP"));
  const made = Array.from({ length: 50 }, newIdempotencyKey);
  for (const key of made) assert.match(key, /^[0-9a-f]{32}$/);
  assert.equal(new Set(made).size, made.length);
});
