import assert from "node:assert/strict";
import { test } from "node:test";
import type { SegmentPlacement } from "@piccolo/storage/owner";
import { priorRates, redundancyOf } from "@piccolo/storage/policy";
import type { HolderView } from "@piccolo/storage/ports";
import { brieflyAwayMs, placementView } from "./placement.ts";

const nowMs = 1_800_000_000_000;
const holder = (account: string, online: boolean, lastSeenMs = nowMs): HolderView => ({
  account,
  name: account,
  deviceKey: new Uint8Array(32),
  addresses: [],
  online,
  lastSeenMs,
  roundTripMs: 1,
  domain: account,
});
const accounts = ["a", "b", "c", "d", "e"];
const segment = (change: Partial<SegmentPlacement> = {}): SegmentPlacement => ({
  segmentId: new Uint8Array(16),
  state: "placed",
  k: 2,
  n: 5,
  fragmentBytes: 100,
  holders: accounts,
  placed: [0, 1, 2, 3, 4],
  ...change,
});
const view = (segments: readonly SegmentPlacement[], holders: readonly HolderView[]) =>
  placementView({
    versionId: "v",
    version: { plainBytes: 1_000, pendingBytes: 0, segments },
    holders,
    current: { k: 3, n: 9 },
    redundancyOf: (code) => redundancyOf(code, priorRates, false),
    nowMs,
  });
const allOnline = accounts.map((account) => holder(account, true));

test("a file whose fragments are all there survives n - k losses", () => {
  const { k, n, survives, missingNow, readableNow, holders } = view([segment(), segment()], allOnline);
  assert.deepEqual([k, n, survives, missingNow, readableNow], [2, 5, 3, 0, true]);
  assert.deepEqual(
    holders.map(({ fragments, bytes }) => [fragments, bytes]),
    accounts.map(() => [2, 200]),
  );
});

test("the weakest segment says what the file survives", () => {
  const weak = segment({ placed: [0, 1, 4], k: 2, n: 4 });
  const { k, n, survives } = view([segment(), weak, segment()], allOnline);
  assert.deepEqual([k, n, survives], [2, 4, 1]);
});

test("who is briefly away counts, who is long away or has left does not", () => {
  const holders = [
    holder("a", true),
    holder("b", false, nowMs - brieflyAwayMs + 1),
    holder("c", false, nowMs - brieflyAwayMs),
    holder("d", false, 0),
  ];
  const { survives, missingNow, readableNow } = view([segment()], holders);
  assert.deepEqual([survives, missingNow, readableNow], [0, 1, false]);
});

test("a file that nobody can read now names how many are missing", () => {
  const holders = accounts.map((account) => holder(account, false, 0));
  const { survives, missingNow, readableNow } = view([segment(), segment({ k: 4 })], holders);
  assert.deepEqual([survives, missingNow, readableNow], [0, 4, false]);
});

test("what lies only on this device survives nothing and is readable", () => {
  const pending = segment({ state: "pending", placed: [0, 1] });
  const { survives, missingNow, readableNow } = view([segment(), pending], allOnline);
  assert.deepEqual([survives, missingNow, readableNow], [0, 0, true]);
});

test("a file without bytes has what a new one would get", () => {
  const { k, n, survives, segments, readableNow } = view([], allOnline);
  assert.deepEqual([k, n, survives, segments, readableNow], [3, 9, 6, 0, true]);
});
