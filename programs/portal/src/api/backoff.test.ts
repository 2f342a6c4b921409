import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffMs } from "./backoff.ts";

test("waiting times double up to half a minute and are spread downwards", () => {
  assert.deepEqual(
    [0, 1, 2, 3, 5, 6, 50].map((attempt) => backoffMs(attempt, 1)),
    [1000, 1000, 2000, 4000, 16_000, 30_000, 30_000],
  );
  assert.equal(backoffMs(1, 0), 750);
});
