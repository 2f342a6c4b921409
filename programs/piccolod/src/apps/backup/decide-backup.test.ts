import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decideBackup, type Situation } from "./decide-backup.ts";

const hourMs = 3_600_000;
const nowMs = 20_000 * 24 * hourMs;
const failure = { code: "disk-full", detail: "", nextStep: "", atMs: nowMs, count: 1 };

const copyOf = (id: string) => ({ id, takenAtMs: nowMs - 72 * hourMs });

const situation = (change: Partial<Situation> = {}): Situation => ({
  jitter: 0.5,
  startedAtMs: 0,
  inNetwork: true,
  reach: { online: 9, needed: 5 },
  isChanging: false,
  hasData: true,
  copies: [],
  stored: [{ id: "a", takenAtMs: nowMs - 6 * hourMs }],
  notes: { sinceMs: 0, failed: undefined, unstorable: [], drill: undefined },
  ...change,
});

const unreachable = [
  [{ inNetwork: false }, "in no network"],
  [{ reach: { online: 1, needed: 5 } }, "needs 5 other devices online, and there is 1"],
  [{ reach: { online: 1, needed: undefined } }, "too small"],
] as const;

test("without a network, or with one that is too small, a copy is made when it is due, waits, and its owner hears for what", () => {
  for (const [where, words] of unreachable) {
    const due = { ...where, stored: [{ id: "a", takenAtMs: nowMs - 30 * hourMs }] };
    assert.deepEqual(decideBackup(situation(due), nowMs), { do: "save" }, words);
    assert.deepEqual(decideBackup(situation({ ...where, stored: [] }), nowMs), { do: "save" }, words);
    const made = situation({ ...due, copies: [{ id: "b", takenAtMs: nowMs - 6 * hourMs }] });
    const waiting = decideBackup(made, nowMs);
    assert.ok(waiting.do === "wait" && waiting.trouble?.detail.includes(words) === true, words);
    assert.equal(waiting.atMs, nowMs + 12 * hourMs, "one a day");
    assert.deepEqual(decideBackup(made, nowMs + 12 * hourMs), { do: "save" });
    assert.equal(decideBackup({ ...made, isChanging: true }, nowMs + 12 * hourMs).do, "wait");
  }
});

test("an app without data has no copy that could wait on the device", () => {
  for (const [where, words] of unreachable) {
    const next = decideBackup(situation({ ...where, stored: [], hasData: false }), nowMs);
    assert.ok(next.do === "wait" && next.trouble?.detail.includes(words) === true, words);
  }
});

test("a copy that waits is made again for no failure of storing it, and for one of making it after a pause", () => {
  const copies = [{ id: "b", takenAtMs: nowMs - hourMs }];
  for (const [where] of unreachable) {
    for (const code of ["too-few-holders", "app-backup-stalled"]) {
      const notes = {
        sinceMs: 0,
        failed: { ...failure, code, atMs: nowMs - hourMs },
        unstorable: [],
        drill: undefined,
      };
      const next = decideBackup(situation({ ...where, copies, notes }), nowMs);
      assert.equal(next.do === "wait" ? next.atMs : next.do, nowMs + 12 * hourMs, code);
    }
    const notes = { sinceMs: 0, failed: failure, unstorable: [], drill: undefined };
    const next = decideBackup(situation({ ...where, notes }), nowMs);
    assert.ok(next.do === "wait" && next.trouble?.code === "disk-full" && next.atMs === nowMs + 300_000);
    assert.deepEqual(decideBackup(situation({ ...where, notes }), nowMs + 300_000), { do: "save" });
    // The same where an older copy waits: each try may stop the app, or fill the disk.
    const older = [{ id: "b", takenAtMs: nowMs - 30 * hourMs }];
    const paused = decideBackup(situation({ ...where, stored: [], copies: older, notes }), nowMs);
    assert.equal(paused.do === "wait" ? paused.atMs : paused.do, nowMs + 300_000);
    assert.deepEqual(decideBackup(situation({ ...where, stored: [], copies: older, notes }), nowMs + 300_000), {
      do: "save",
    });
  }
});

test("before its time a network that is too small is nothing to complain of", () => {
  const next = decideBackup(situation({ reach: { online: 0, needed: 5 } }), nowMs);
  assert.deepEqual(next, { do: "wait", atMs: nowMs + 12 * hourMs, trouble: undefined });
});

test("a copy that is in the network goes first, then the newest is stored", () => {
  assert.deepEqual(decideBackup(situation({ copies: [copyOf("b"), copyOf("a")] }), nowMs), { do: "forget", copy: "a" });
  assert.deepEqual(decideBackup(situation({ copies: [copyOf("b"), copyOf("c")] }), nowMs), { do: "store", copy: "c" });
});

test("when it is due a copy is made, unless the app is being changed", () => {
  const due = { stored: [{ id: "a", takenAtMs: nowMs - 30 * hourMs }] };
  assert.deepEqual(decideBackup(situation(due), nowMs), { do: "save" });
  assert.equal(decideBackup(situation({ ...due, isChanging: true }), nowMs).do, "wait");
});

test("what a device slept over is made up for a while after its start, not by all apps at once", () => {
  const slept = { stored: [{ id: "a", takenAtMs: nowMs - 300 * hourMs }], startedAtMs: nowMs };
  const next = decideBackup(situation(slept), nowMs);
  assert.deepEqual(next, { do: "wait", atMs: nowMs + 300_000, trouble: undefined });
  assert.deepEqual(decideBackup(situation(slept), nowMs + 300_000), { do: "save" });
});

test("what failed is tried again after a pause, and at once where members were missing and are there now", () => {
  const notes = { sinceMs: 0, failed: failure, unstorable: [], drill: undefined };
  const next = decideBackup(situation({ notes, copies: [copyOf("b")] }), nowMs);
  assert.ok(next.do === "wait" && next.trouble?.code === "disk-full" && next.atMs === nowMs + 300_000);
  const few = { ...notes, failed: { ...failure, code: "too-few-holders" } };
  assert.equal(decideBackup(situation({ notes: few, copies: [copyOf("b")] }), nowMs).do, "store");
});

test("an app that is more than a backup can hold is looked at again with its next backup, not after a pause", () => {
  const failed = { ...failure, code: "app-backup-too-large", count: 3 };
  const notes = { sinceMs: 0, failed, unstorable: [], drill: undefined };
  for (const stored of [[], [{ id: "a", takenAtMs: nowMs - 72 * hourMs }]]) {
    const tooLarge = situation({ notes, stored });
    const next = decideBackup(tooLarge, nowMs);
    assert.deepEqual(next, { do: "wait", atMs: nowMs + 12 * hourMs, trouble: failed });
    assert.deepEqual(decideBackup(tooLarge, nowMs + 12 * hourMs), { do: "save" });
  }
});

test("a copy that is more than a backup can hold is never stored again, and an older one that is less goes", () => {
  const failed = { ...failure, code: "app-backup-too-large", atMs: nowMs - 72 * hourMs };
  const notes = { sinceMs: 0, failed, unstorable: ["b"], drill: undefined };
  const of = (...ids: string[]) => decideBackup(situation({ notes, stored: [], copies: ids.map(copyOf) }), nowMs);
  assert.deepEqual(of("b"), { do: "save" });
  assert.deepEqual(of("c", "b"), { do: "store", copy: "c" });
  assert.deepEqual(of("b", "c"), { do: "store", copy: "c" });
});

test("whatever there is, a copy is never stored twice, and none is dropped that is not in the network", () => {
  const ids = fc.constantFrom<string>("a", "b", "c", "d");
  fc.assert(
    fc.property(
      fc.uniqueArray(ids),
      fc.uniqueArray(ids),
      fc.boolean(),
      fc.integer({ min: 0, max: 9 }),
      (here, there, inNetwork, online) => {
        const next = decideBackup(
          situation({
            copies: here.map(copyOf),
            stored: there.map((id) => ({ id, takenAtMs: nowMs })),
            inNetwork,
            reach: { online, needed: 5 },
          }),
          nowMs,
        );
        if (next.do === "store") assert.ok(here.includes(next.copy) && !there.includes(next.copy) && inNetwork);
        if (next.do === "forget") assert.ok(there.includes(next.copy));
      },
    ),
  );
});

test("a backup from a clock that was a year ahead holds up none after it", () => {
  const ahead = { id: "ahead", takenAtMs: nowMs + 365 * 24 * hourMs };
  for (const stored of [[ahead], [ahead, { id: "a", takenAtMs: nowMs - 30 * hourMs }]]) {
    assert.deepEqual(decideBackup(situation({ stored }), nowMs), { do: "save" });
    const saved = { id: "now", takenAtMs: nowMs };
    const next = decideBackup(situation({ stored: [saved, ...stored] }), nowMs + hourMs);
    assert.ok(next.do === "wait" && next.atMs !== undefined && next.atMs <= nowMs + 36 * hourMs);
  }
});
