import assert from "node:assert/strict";
import { test } from "node:test";
import { rateOf, withPoint, type RatePoint } from "./rate.ts";

const points = (...pairs: readonly (readonly [number, number])[]): readonly RatePoint[] =>
  pairs.reduce<readonly RatePoint[]>((all, [atMs, bytes]) => withPoint(all, { atMs, bytes }), []);

test("one point makes no rate", () => {
  assert.equal(rateOf([], 1000), 0);
  assert.equal(rateOf(points([0, 0]), 1000), 0);
  assert.equal(rateOf(points([0, 0], [100, 50]), 100), 0);
});

test("the rate is what arrived over the window", () => {
  assert.equal(rateOf(points([0, 0], [1000, 500], [2000, 4000]), 2000), 2000);
});

test("an upload that stands still slows down", () => {
  const moving = points([0, 0], [1000, 1000]);
  assert.equal(rateOf(moving, 1000), 1000);
  assert.equal(rateOf(moving, 4000), 250);
});

test("going back starts anew, and old points are forgotten", () => {
  assert.deepEqual(points([0, 0], [1000, 900], [2000, 100]), [{ atMs: 2000, bytes: 100 }]);
  assert.equal(rateOf(points([0, 0], [60_000, 10], [61_000, 5010]), 61_000), 5000);
});
