import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { nextBackupAtMs, nextDrillAtMs, type Timing } from "./schedule.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const midnightMs = 20_000 * dayMs;
const at = (hours: number): number => midnightMs + hours * hourMs;
const timing = (change: Partial<Timing>): Timing => ({
  jitter: 0.5,
  savedAtMs: undefined,
  sinceMs: midnightMs,
  failed: undefined,
  ...change,
});

test("a new app is backed up within the first half hour", () => {
  assert.equal(nextBackupAtMs(timing({}), at(0)), midnightMs + 15 * minuteMs);
});

test("then once a day, at a time of its own", () => {
  assert.equal(nextBackupAtMs(timing({ savedAtMs: at(0.25) }), at(1)), at(12));
  assert.equal(nextBackupAtMs(timing({ savedAtMs: at(12) }), at(13)), at(36));
  assert.equal(nextBackupAtMs(timing({ savedAtMs: at(12), jitter: 0 }), at(13)), at(24));
});

test("one made by hand shortly before takes the place of the day's", () => {
  assert.equal(nextBackupAtMs(timing({ savedAtMs: at(11) }), at(11)), at(36));
});

test("a device that slept over several days makes up for one of them, at once", () => {
  const dueMs = nextBackupAtMs(timing({ savedAtMs: at(12) }), at(24 * 9));
  assert.equal(dueMs, at(36));
  assert.ok(dueMs < at(24 * 9));
});

test("what failed is tried again after minutes, then hours", () => {
  const after = (count: number): number =>
    nextBackupAtMs(timing({ savedAtMs: at(0), failed: { atMs: at(12), count } }), at(12)) - at(12);
  assert.deepEqual([1, 2, 3, 50].map(after), [5 * minuteMs, 10 * minuteMs, 20 * minuteMs, 6 * hourMs]);
});

test("what a clock that was a year ahead noted holds nothing up, whenever it is asked", () => {
  const ahead = at(24 * 365);
  for (const change of [{ savedAtMs: ahead }, { sinceMs: ahead }, { failed: { atMs: ahead, count: 1 } }]) {
    for (const nowMs of [at(0), at(1), at(24 * 300)]) assert.ok(nextBackupAtMs(timing(change), nowMs) <= nowMs);
  }
});

test("a clock that is set back by seconds makes nothing due", () => {
  const moment = at(12) + 20_000;
  assert.equal(nextBackupAtMs(timing({ savedAtMs: moment }), at(12)), at(36));
  assert.equal(nextBackupAtMs(timing({ failed: { atMs: moment, count: 1 } }), at(12)), moment + 5 * minuteMs);
});

test("it is never further away than a day and a quarter, and never again in the same moment", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 0.999_999, noNaN: true }),
      fc.integer({ min: 0, max: 400 * 24 }),
      (jitter, hours) => {
        const savedAtMs = at(hours);
        const dueMs = nextBackupAtMs(timing({ jitter, savedAtMs }), savedAtMs);
        assert.ok(dueMs - savedAtMs >= dayMs / 4 && dueMs - savedAtMs <= dayMs * 1.25);
      },
    ),
  );
});

test("a drill is due a day after the first backup, then monthly, and the day after one that failed", () => {
  assert.equal(nextDrillAtMs(undefined, at(0), at(1)), at(24));
  assert.equal(nextDrillAtMs({ atMs: at(5), trouble: undefined }, at(0), at(6)), at(5 + 30 * 24));
  assert.equal(nextDrillAtMs({ atMs: at(5), trouble: {} }, at(0), at(6)), at(29));
});

test("a drill, or a first backup, of a time that has not come yet makes the next drill due", () => {
  for (const nowMs of [at(0), at(24 * 300)]) {
    assert.ok(nextDrillAtMs({ atMs: at(24 * 365), trouble: undefined }, at(0), nowMs) <= nowMs);
    assert.ok(nextDrillAtMs(undefined, at(24 * 365), nowMs) <= nowMs);
  }
});
