import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decideDropped, timelyFirst, usualRetention } from "./retention.ts";

const dayMs = 24 * 3_600_000;
const firstMs = Date.UTC(2026, 0, 1, 12);
const daily = (days: number) =>
  Array.from({ length: days }, (_, at) => ({ id: `d${at}`, takenAtMs: firstMs + at * dayMs }));

/** After all of them. */
const lateMs = 4_000_000_000_000;

function keptOf(backups: ReturnType<typeof daily>, nowMs = lateMs): readonly string[] {
  const dropped = new Set(decideDropped(backups, nowMs));
  return backups.filter(({ id }) => !dropped.has(id)).map(({ id }) => id);
}

test("nothing is dropped of what there is little of", () => {
  assert.deepEqual(decideDropped([], lateMs), []);
  assert.deepEqual(decideDropped(daily(7), lateMs), []);
});

test("after a year of days there is a week of days, a month of weeks and half a year of months", () => {
  const kept = keptOf(daily(365)).map((id) => new Date(firstMs + Number(id.slice(1)) * dayMs).toISOString());
  assert.deepEqual(
    kept.map((text) => text.slice(0, 10)),
    [
      // The last of each month, the Sundays of the last weeks, the last days.
      "2026-07-31",
      "2026-08-31",
      "2026-09-30",
      "2026-10-31",
      "2026-11-30",
      "2026-12-13",
      "2026-12-20",
      "2026-12-25",
      "2026-12-26",
      "2026-12-27",
      "2026-12-28",
      "2026-12-29",
      "2026-12-30",
      "2026-12-31",
    ],
  );
});

test("of many of one day the last three stay, and the day after the newest of them", () => {
  const sameDay = Array.from({ length: 20 }, (_, at) => ({ id: `h${at}`, takenAtMs: firstMs + at * 60_000 }));
  assert.deepEqual(keptOf([...daily(1), ...sameDay]), ["h17", "h18", "h19"]);
  assert.deepEqual(keptOf([...sameDay, ...daily(4).slice(1)]), ["h19", "d1", "d2", "d3"]);
});

test("an app nobody backs up any more keeps what it has, however long ago", () => {
  assert.deepEqual(keptOf([{ id: "old", takenAtMs: 0 }]), ["old"]);
});

test("whatever there is, the newest stays, the rest is bounded, and deciding again drops nothing more", () => {
  const backup = fc.record({ id: fc.uuid(), takenAtMs: fc.integer({ min: 0, max: lateMs }) });
  fc.assert(
    fc.property(fc.uniqueArray(backup, { selector: ({ id }) => id, maxLength: 60 }), (backups) => {
      const kept = keptOf(backups);
      const most = usualRetention.latest + usualRetention.daily + usualRetention.weekly + usualRetention.monthly;
      assert.ok(kept.length <= most);
      const newestMs = Math.max(...backups.map(({ takenAtMs }) => takenAtMs));
      assert.ok(
        backups.length === 0 || backups.some(({ id, takenAtMs }) => takenAtMs === newestMs && kept.includes(id)),
      );
      const left = backups.filter(({ id }) => kept.includes(id));
      assert.deepEqual(decideDropped(left, lateMs), []);
      assert.deepEqual(keptOf(backups.toReversed()).toSorted(), kept.toSorted());
    }),
  );
});

test("what a clock that was ahead has dated takes no place of the others, nor they its own", () => {
  const nowMs = firstMs + 7 * dayMs;
  const real = daily(7);
  const ahead = Array.from({ length: 30 }, (_, at) => ({ id: `a${at}`, takenAtMs: nowMs + (400 + at) * dayMs }));
  const kept = keptOf([...ahead, ...real], nowMs);
  assert.deepEqual(
    kept.filter((id) => id.startsWith("d")),
    real.map(({ id }) => id),
  );
  const most = usualRetention.latest + usualRetention.daily + usualRetention.weekly + usualRetention.monthly;
  assert.ok(kept.length - real.length <= most);
  const newestFirst = [...ahead, ...real].toSorted((a, b) => b.takenAtMs - a.takenAtMs);
  assert.equal(timelyFirst(newestFirst, nowMs)[0]?.id, "d6");
  assert.equal(timelyFirst(newestFirst, nowMs).at(-1)?.id, "a0");
});
