import assert from "node:assert/strict";
import { test } from "node:test";
import { isClockBelieved, isPeerClockWrong, judgeClock, latestNowMs } from "./clock.ts";

const hour = 3_600_000;

test("without anybody to compare with, nothing is known of the clock", () => {
  assert.deepEqual(judgeClock([], false), { state: "unknown", offsetMs: 0 });
});

test("a clock that lost the time while the machine was off is named until others tell the time, and not believed", () => {
  assert.deepEqual(judgeClock([], true), { state: "forgotten", offsetMs: 0 });
  assert.equal(judgeClock([0, 20], true).state, "good");
  const network = { clock: () => judgeClock([], true), members: { holders: () => [] } };
  assert.equal(isClockBelieved(network), false);
});

test("a clock is wrong when most others are over an hour away from it, whatever single ones say", () => {
  assert.equal(judgeClock([0, 20, -15], false).state, "good");
  assert.equal(judgeClock([0, 20, 50 * hour], false).state, "good");
  assert.deepEqual(judgeClock([2 * hour, 2 * hour + 10, 0], false), { state: "wrong", offsetMs: -2 * hour });
  assert.equal(judgeClock([hour, hour], false).state, "good");
});

test("a peer's clock is named as the wrong one only when ours agrees with most", () => {
  const good = judgeClock([0, 0, 0, 5 * hour], false);
  assert.ok(isPeerClockWrong(5 * hour, good));
  assert.ok(!isPeerClockWrong(0, good));
  const oursIsWrong = judgeClock([-3 * hour, -3 * hour], false);
  assert.ok(!isPeerClockWrong(-3 * hour, oursIsWrong));
});

test("what is done for good by the clock waits for others who agree with it, where there are any", () => {
  const believed = (aheadMs: readonly number[], others: number): boolean =>
    isClockBelieved({
      clock: () => judgeClock(aheadMs, false),
      members: { holders: () => Array(others).fill(undefined) },
    });
  assert.ok(believed([], 0));
  assert.ok(!believed([], 3), "nobody has answered since the start");
  assert.ok(believed([0, 10], 3));
  assert.ok(!believed([600_000 * hour, 600_000 * hour], 3));
});

test("the latest it can be is what the others say, whom no single one of several moves", () => {
  const liar = 2 ** 52;
  assert.equal(latestNowMs(1_000, [], 3, false), 1_000);
  assert.equal(latestNowMs(1_000, [liar], 3, false), 1_000, "one of three has said it");
  assert.equal(latestNowMs(1_000, [liar, 5], 3, false), 1_005);
  assert.equal(latestNowMs(1_000, [2 * hour, 2 * hour, liar], 3, false), 1_000 + 2 * hour);
  assert.equal(latestNowMs(1_000, [-hour, -hour], 3, false), 1_000, "a clock ahead of the others' is not set back");
  assert.equal(latestNowMs(1_000, [hour], 1, false), 1_000 + hour);
  assert.equal(latestNowMs(1_000, [liar], 3, true), Infinity);
  assert.equal(latestNowMs(1_000, [liar, 7], 3, true), 1_007);
});
