import assert from "node:assert/strict";
import { test } from "node:test";
import { ratesOf } from "./rates.ts";

const rates = (...points: readonly (readonly [atMs: number, bytes: number])[]): readonly number[] =>
  ratesOf(
    points.map(([atMs, bytes]) => ({ atMs, bytes })),
    ({ bytes }) => bytes,
  );

test("one point says nothing of a rate, and a counter that begins anew is never below zero", () => {
  assert.deepEqual(rates([0, 5]), []);
  assert.deepEqual(rates([0, 1000], [2000, 5000], [4000, 100]), [2000, 50]);
  assert.deepEqual(rates([7, 1], [7, 2]), [1000]);
});
