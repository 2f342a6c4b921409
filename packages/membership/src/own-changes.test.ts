import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { ada, bela, entryOf, logOf, positionAfter, stateOf } from "../test-support/cast.ts";
import { changedOften, joinedRotated, rotatedOften } from "../test-support/often-cases.ts";
import { applyEntries, applyEntry, logEntriesMax, replay } from "./index.ts";

/** How often a map or set was written to, copies included. */
function writes(context: TestContext, work: () => unknown): number {
  const set = context.mock.method(Map.prototype, "set");
  const add = context.mock.method(Set.prototype, "add");
  try {
    work();
    return set.mock.callCount() + add.mock.callCount();
  } finally {
    set.mock.restore();
    add.mock.restore();
  }
}

test("what a log costs grows with its entries, not with their square", (context) => {
  const log = [...logOf(4), ...changedOften(240)];
  const short = writes(context, () => replay(log.slice(0, 64)));
  const long = writes(context, () => replay(log.slice(0, 244)));
  assert.ok(long < short * 4.5, `64 entries take ${short} writes, 244 take ${long}`);
  const state = replay(log.slice(0, 124));
  const rest = writes(context, () => applyEntries(state, log.slice(124)));
  assert.ok(rest < long, `the second half takes ${rest} writes, all take ${long}`);
});

test("entries that are refused in the middle change nothing of the state before", () => {
  const state = stateOf(4);
  const [first, second] = changedOften(2);
  assert.ok(first !== undefined && second !== undefined);
  assert.throws(() => applyEntries(state, [first, second, second]), { code: "membership-duplicate" });
  assert.equal(state.length, 4);
  assert.equal(applyEntries(state, [first, second]).length, 6);
  assert.equal(applyEntries(state, []), state);
});

test("a member alone changes device and owner key a limited number of times", () => {
  const often = replay([...logOf(4), ...changedOften(256)]);
  assert.equal(often.memberByAccount(bela.account)?.deviceEpoch, 257);
  assert.throws(() => replay([...logOf(4), ...changedOften(257)]), { code: "too-many-changes" });
  assert.equal(replay([...logOf(4), ...rotatedOften(256)]).memberByAccount(bela.account)?.keyEpoch, 257);
  assert.throws(() => replay([...logOf(4), ...rotatedOften(257)]), { code: "too-many-changes" });
});

test("what joins brings no more rotations into a log than one has, however many join", () => {
  const joined = joinedRotated(17);
  assert.equal(replay([...logOf(4), ...joined.slice(0, 16)]).members.size, 20);
  assert.throws(() => replay([...logOf(4), ...joined]), { code: "membership-full" });
});

test("a log has an end, whoever signs", () => {
  const state = stateOf(4);
  const body = { kind: "remove", account: bela.account } as const;
  const at = (sequence: number): Uint8Array =>
    entryOf(state.networkId, positionAfter(state, { sequence }), body, [ada, bela]);
  assert.throws(() => applyEntry(state, at(logEntriesMax)), { code: "membership-full" });
  assert.throws(() => applyEntry(state, at(logEntriesMax - 1)), { code: "membership-gap" });
});
