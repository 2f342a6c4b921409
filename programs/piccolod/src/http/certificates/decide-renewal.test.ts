import assert from "node:assert/strict";
import { test } from "node:test";
import { decideRenewal, type RenewalState } from "./decide-renewal.ts";

const day = 86_400_000;
const held = { names: ["a.example", "b.example"], notBeforeMs: 100 * day, notAfterMs: 190 * day };
const state: RenewalState = {
  nowMs: 120 * day,
  names: ["b.example", "a.example"],
  held,
  failures: 0,
  failedAtMs: 0,
  retryAfterMs: undefined,
  spread: 0.5,
};

test("without a name nobody is asked", () => {
  assert.equal(decideRenewal({ ...state, names: [], held: undefined }), undefined);
});

test("what is missing, for other names, over, or not for now yet is asked for at once", () => {
  for (const more of [
    { held: undefined },
    { names: ["a.example"] },
    { names: ["a.example", "b.example", "c.example"] },
    { nowMs: 190 * day },
    { nowMs: 99 * day },
  ]) {
    const { nowMs } = { ...state, ...more };
    assert.equal(decideRenewal({ ...state, ...more }), nowMs, JSON.stringify(more));
  }
});

test("a good one is renewed long before its end, and not by all devices in the same minute", () => {
  const at = (spread: number): number => decideRenewal({ ...state, spread }) ?? 0;
  assert.equal(at(0), 154 * day);
  assert.equal(at(1), 163 * day);
  assert.ok(at(1) < held.notAfterMs - 20 * day);
});

test("failures make the pauses longer, up to a day, and never shorter than the authority asked for", () => {
  const failedAtMs = 170 * day;
  const after = (failures: number, retryAfterMs?: number): number =>
    (decideRenewal({ ...state, nowMs: failedAtMs, failures, failedAtMs, retryAfterMs }) ?? 0) - failedAtMs;
  assert.deepEqual(
    [1, 2, 3].map((failures) => after(failures)),
    [60_000, 120_000, 240_000],
  );
  assert.equal(after(1_000), day);
  assert.equal(after(1, 3 * day), 3 * day);
  assert.equal(after(3, 1), 240_000);
});
