import assert from "node:assert/strict";
import { test } from "node:test";
import type { Upload } from "@piccolo/device-api";
import fc from "fast-check";
import type { Trouble } from "../api/problem.ts";
import {
  attemptsMax,
  emptyQueue,
  isCancellable,
  isUnderWay,
  nextDueMs,
  reduceQueue,
  sendingMax,
  startable,
  type UploadAction,
  type UploadQueue,
} from "./queue.ts";
import { summaryOf } from "./summary.ts";

const run = (...actions: readonly UploadAction[]): UploadQueue => actions.reduce(reduceQueue, emptyQueue);
const add = (...keys: readonly string[]): UploadAction => ({
  type: "add",
  batch: "b",
  uploads: keys.map((key) => ({ key, filename: `${key}.txt`, parent: "root", sizeBytes: 100 })),
});
const phases = (queue: UploadQueue): readonly string[] => queue.items.map(({ phase }) => phase);
const unreachable: Trouble = { code: "device-unreachable", detail: "It does not answer.", retry: true, status: 0 };
const full: Trouble = { code: "spool-full", detail: "No room.", retry: true, status: 503 };
const refused: Trouble = { code: "name-refused", detail: "Bad name.", retry: false, status: 400 };
const broke = (key: string, trouble: Trouble): UploadAction => ({ type: "broke", key, trouble, atMs: 0, spread: 1 });
const upload = (id: string, active = false): Upload => ({
  id,
  filename: "film.mp4",
  parent: "root",
  sizeBytes: 100,
  offsetBytes: 40,
  createdAtMs: 0,
  expiresAtMs: 1,
  active,
  segmentBytes: [40],
});

test("a refusal that cannot pass fails at once", () => {
  const queue = run(add("a"), { type: "starting", key: "a" }, broke("a", refused));
  assert.deepEqual(phases(queue), ["failed"]);
  assert.equal(queue.items[0]?.trouble, refused);
  assert.deepEqual(startable(queue, 1e9), []);
});

test("a refusal that may pass is tried a bounded number of times", () => {
  let queue = run(add("a"));
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    assert.deepEqual(phases(queue), ["waiting"]);
    queue = [{ type: "starting", key: "a" } as const, broke("a", full)].reduce(reduceQueue, queue);
  }
  assert.deepEqual(phases(queue), ["failed"]);
  assert.deepEqual(phases(reduceQueue(queue, { type: "resume", key: "a" })), ["waiting"]);
});

test("an upload that gets on between its breaks is tried on, also where nobody hears how far the device has it", () => {
  let queue = run(add("a"));
  for (let round = 0; round < 3 * attemptsMax; round += 1) {
    assert.deepEqual(phases(queue), ["waiting"]);
    const sending = { type: "sending", key: "a", uploadId: "u", offsetBytes: round + 1 } as const;
    queue = [{ type: "starting", key: "a" } as const, sending, broke("a", full)].reduce(reduceQueue, queue);
  }
  assert.deepEqual(phases(queue), ["waiting"]);
});

test("a device that does not answer is waited for, longer each time", () => {
  const once = run(add("a"), { type: "starting", key: "a" }, broke("a", unreachable));
  assert.deepEqual(startable(once, 999), []);
  assert.deepEqual(startable(once, 1000), ["a"]);
  assert.equal(nextDueMs(once), 1000);
  let queue = once;
  for (let attempt = 0; attempt < 3 * attemptsMax; attempt += 1) queue = reduceQueue(queue, broke("a", unreachable));
  assert.deepEqual(phases(queue), ["waiting"]);
});

test("a session that ended or a lock fails nothing: one upload asks again, and the others wait behind it", () => {
  for (const code of ["sign-in-required", "locked", "closed", "csrf"]) {
    const shut: Trouble = { code, detail: "Sign in.", retry: false, status: 401 };
    let queue = run(add("a", "b", "c"));
    for (let attempt = 0; attempt < 3 * attemptsMax; attempt += 1) {
      const due = nextDueMs(queue) ?? 0;
      assert.deepEqual(startable(queue, due - 1), []);
      assert.equal(startable(queue, due).length, attempt === 0 ? sendingMax : 1);
      for (const key of startable(queue, due))
        queue = [{ type: "starting", key } as const, { ...broke(key, shut), atMs: due } as const].reduce(
          reduceQueue,
          queue,
        );
      assert.deepEqual(phases(queue), ["waiting", "waiting", "waiting"]);
    }
    // An answer to another question proves that the door is open: nothing waits any longer, and nothing is used up.
    const open = reduceQueue(queue, { type: "leftovers", uploads: [] });
    assert.deepEqual(startable(open, 0), ["a", "b"]);
    const sent = [
      { type: "starting", key: "a" } as const,
      { type: "sending", key: "a", uploadId: "u", offsetBytes: 0 } as const,
    ].reduce(reduceQueue, queue);
    assert.deepEqual(startable(sent, 0), ["b"]);
    assert.deepEqual(
      open.items.map(({ attempts, trouble }) => [attempts, trouble]),
      [
        [0, undefined],
        [0, undefined],
        [0, undefined],
      ],
    );
  }
});

test("all that failed is tried again at once, except what cannot be read", () => {
  const unreadable: Trouble = { code: "file-unreadable", detail: "Choose it again.", retry: false, status: 0 };
  const failed = run(add("a", "b", "c", "d"), broke("a", refused), broke("b", refused), broke("c", unreadable));
  assert.deepEqual(phases(failed), ["failed", "failed", "failed", "waiting"]);
  const again = reduceQueue(failed, { type: "resume-failed" });
  assert.deepEqual(phases(again), ["waiting", "waiting", "failed", "waiting"]);
  assert.deepEqual(startable(again, 0), ["a", "b"]);
});

test("cancelling all takes what this page still had to send, and leaves what is done or was begun by an earlier page", () => {
  const queue = run(
    add("a", "b", "c", "d", "e"),
    { type: "leftovers", uploads: [upload("u")] },
    { type: "finished", key: "a" },
    { type: "starting", key: "b" },
    { type: "conflicted", key: "c" },
    broke("d", refused),
    { type: "pause", key: "e" },
  );
  assert.equal(queue.items.filter(isCancellable).length, 4);
  assert.deepEqual(phases(reduceQueue(queue, { type: "cancel-all" })), ["done", "unfinished"]);
});

test("no more than two are sent at a time, in the order they were added", () => {
  const queue = run(add("a", "b", "c", "d"));
  assert.deepEqual(startable(queue, 0), ["a", "b"]);
  const sending = reduceQueue(queue, { type: "starting", key: "a" });
  assert.deepEqual(startable(sending, 0), ["b"]);
  assert.deepEqual(startable(reduceQueue(sending, { type: "pause", key: "a" }), 0), ["b", "c"]);
});

test("pausing goes back to what is stored, and a late break does not wake it", () => {
  const queue = run(
    add("a"),
    { type: "starting", key: "a" },
    { type: "sending", key: "a", uploadId: "u", offsetBytes: 0 },
    { type: "sent", key: "a", bytes: 90, atMs: 1 },
    { type: "durable", uploadId: "u", bytes: 40 },
    { type: "pause", key: "a" },
    broke("a", unreachable),
  );
  assert.deepEqual(phases(queue), ["paused"]);
  assert.equal(queue.items[0]?.sentBytes, 40);
  assert.equal(queue.items[0]?.uploadId, "u");
});

test("bytes that arrived forget earlier failures", () => {
  const queue = run(
    add("a"),
    { type: "starting", key: "a" },
    broke("a", full),
    { type: "starting", key: "a" },
    { type: "sending", key: "a", uploadId: "u", offsetBytes: 0 },
    { type: "durable", uploadId: "u", bytes: 10 },
  );
  assert.equal(queue.items[0]?.attempts, 0);
});

test("a taken name is asked about, and one answer may count for all", () => {
  const asked = run(add("a", "b", "c"), { type: "conflicted", key: "a" }, { type: "conflicted", key: "b" });
  assert.deepEqual(phases(asked), ["conflict", "conflict", "waiting"]);
  const one = reduceQueue(asked, { type: "choose", key: "a", plan: "rename", all: false });
  assert.deepEqual(phases(one), ["waiting", "conflict", "waiting"]);
  const all = reduceQueue(asked, { type: "choose", key: "a", plan: "version", all: true });
  assert.deepEqual(
    all.items.map(({ phase, onConflict }) => [phase, onConflict]),
    [
      ["waiting", "version"],
      ["waiting", "version"],
      ["waiting", "version"],
    ],
  );
});

test("where a folder has the name, a new version is no answer and is not offered again", () => {
  const asked = run(add("a", "b"), { type: "conflicted", key: "a" }, { type: "conflicted", key: "b" });
  const queue = [
    { type: "choose", key: "a", plan: "version", all: false } as const,
    { type: "starting", key: "a" } as const,
    { type: "conflicted", key: "a" } as const,
  ].reduce(reduceQueue, asked);
  assert.deepEqual(
    queue.items.map(({ phase, versionRefused }) => [phase, versionRefused]),
    [
      ["conflict", true],
      ["conflict", undefined],
    ],
  );
  const all = reduceQueue(queue, { type: "choose", key: "b", plan: "version", all: true });
  assert.deepEqual(phases(all), ["conflict", "waiting"]);
  const both = reduceQueue(all, { type: "choose", key: "a", plan: "rename", all: false });
  assert.deepEqual(phases(both), ["waiting", "waiting"]);
});

test("an answer for all counts also for an upload that was announced before it, and is not held against it", () => {
  const chosen = (plan: "version" | "skip"): UploadQueue =>
    run(
      add("a", "b"),
      { type: "starting", key: "a" },
      { type: "starting", key: "b" },
      { type: "conflicted", key: "a" },
      { type: "choose", key: "a", plan, all: true },
      { type: "conflicted", key: "b" },
    );
  assert.deepEqual(phases(chosen("skip")), []);
  const again = chosen("version");
  assert.deepEqual(phases(again), ["waiting", "waiting"]);
  const refused = [{ type: "starting", key: "b" } as const, { type: "conflicted", key: "b" } as const].reduce(
    reduceQueue,
    again,
  );
  assert.deepEqual(
    refused.items.map(({ phase, versionRefused }) => [phase, versionRefused]),
    [
      ["waiting", undefined],
      ["conflict", true],
    ],
  );
});

test("an upload listed as unfinished before the device's reply came is listed once", () => {
  const queue = run(
    add("a", "b"),
    { type: "starting", key: "a" },
    { type: "leftovers", uploads: [upload("u"), upload("v")] },
    { type: "sending", key: "a", uploadId: "u", offsetBytes: 0 },
  );
  assert.deepEqual(
    queue.items.map(({ key, phase }) => [key, phase]),
    [
      ["a", "sending"],
      ["b", "waiting"],
      ["unfinished-v", "unfinished"],
    ],
  );
});

test("skipping takes the upload from the list, also those that meet a taken name later", () => {
  const asked = run(add("a", "b"), { type: "conflicted", key: "a" });
  const skipped = reduceQueue(asked, { type: "choose", key: "a", plan: "skip", all: true });
  assert.deepEqual(phases(skipped), ["waiting"]);
  assert.deepEqual(phases(reduceQueue(skipped, { type: "conflicted", key: "b" })), []);
});

test("what an earlier page began is listed once, unless another page sends it or it is gone", () => {
  const found = run({ type: "leftovers", uploads: [upload("u"), upload("v", true)] });
  assert.deepEqual(phases(found), ["unfinished"]);
  assert.equal(reduceQueue(found, { type: "leftovers", uploads: [upload("u")] }).items.length, 1);
  assert.equal(reduceQueue(found, { type: "leftovers", uploads: [] }).items.length, 0);
  assert.equal(reduceQueue(found, { type: "gone", uploadId: "u" }).items.length, 0);
});

test("uploads of this page are no leftovers", () => {
  const queue = run(
    add("a"),
    { type: "starting", key: "a" },
    { type: "sending", key: "a", uploadId: "u", offsetBytes: 0 },
    { type: "leftovers", uploads: [upload("u")] },
  );
  assert.deepEqual(phases(queue), ["sending"]);
});

test("an unfinished upload goes on after the same file was chosen, and stops at another", () => {
  const key = "unfinished-u";
  const checking = run({ type: "leftovers", uploads: [upload("u")] }, { type: "check", key });
  const same = [{ type: "checked", key, bytes: 40 } as const, { type: "same", key } as const].reduce(
    reduceQueue,
    checking,
  );
  assert.deepEqual(startable(same, 0), [key]);
  assert.equal(same.items[0]?.uploadId, "u");
  const other = reduceQueue(checking, { type: "differs", key, detail: "This is another file." });
  assert.deepEqual(phases(other), ["differs"]);
  assert.deepEqual(phases(reduceQueue(other, { type: "check", key })), ["checking"]);
});

test("an upload the device forgot starts anew", () => {
  const queue = run(
    add("a"),
    { type: "starting", key: "a" },
    { type: "sending", key: "a", uploadId: "u", offsetBytes: 50 },
    { type: "forgotten", key: "a" },
  );
  assert.equal(queue.items[0]?.uploadId, undefined);
  assert.equal(queue.items[0]?.durableBytes, 0);
  assert.deepEqual(startable(queue, 0), ["a"]);
});

test("a finished upload that lay only on the device is stored safely once others have it", () => {
  const queue = run(
    add("a", "b"),
    { type: "finished", key: "a", node: "n", placement: "pending" },
    { type: "placed", key: "a" },
    { type: "placed", key: "b" },
  );
  assert.deepEqual(
    queue.items.map(({ placement }) => placement),
    ["durable", undefined],
  );
});

test("the summary adds up what is under way and done", () => {
  const queue = run(
    add("a", "b", "c"),
    { type: "starting", key: "a" },
    { type: "sending", key: "a", uploadId: "u", offsetBytes: 0 },
    { type: "sent", key: "a", bytes: 0, atMs: 0 },
    { type: "sent", key: "a", bytes: 60, atMs: 1000 },
    { type: "durable", uploadId: "u", bytes: 40 },
    { type: "finished", key: "b", node: "n", placement: "durable" },
    { type: "conflicted", key: "c" },
  );
  assert.deepEqual(summaryOf(queue, 1000), {
    busy: 1,
    done: 1,
    asking: 1,
    failed: 0,
    paused: 0,
    unfinished: 0,
    sizeBytes: 200,
    durableBytes: 140,
    sentBytes: 160,
    bytesPerSecond: 60,
  });
  assert.deepEqual(phases(reduceQueue(queue, { type: "clear-ended" })), ["sending", "conflict"]);
});

test("whatever happens, keys stay unique, progress stays within the file, and never more than two are under way", () => {
  const key = fc.constantFrom("a", "b", "c", "d");
  const action: fc.Arbitrary<UploadAction> = fc.oneof(
    fc.record({ type: fc.constant("sending" as const), key, uploadId: key, offsetBytes: fc.nat(100) }),
    fc.record({ type: fc.constant("sent" as const), key, bytes: fc.nat(100), atMs: fc.nat(9999) }),
    fc.record({ type: fc.constant("durable" as const), uploadId: key, bytes: fc.nat(100) }),
    fc.record({
      type: fc.constant("choose" as const),
      key,
      plan: fc.constantFrom("version", "rename", "skip"),
      all: fc.boolean(),
    }),
    key.map((key) => broke(key, full)),
    fc.record({
      type: fc.constantFrom("conflicted", "pause", "resume", "forgotten", "finished", "check", "same", "remove"),
      key,
    }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      let queue = run(add("a", "b", "c", "d"));
      for (const next of actions) {
        queue = reduceQueue(queue, next);
        for (const key of startable(queue, 1e12)) queue = reduceQueue(queue, { type: "starting", key });
        assert.equal(new Set(queue.items.map((item) => item.key)).size, queue.items.length);
        assert.ok(queue.items.filter(isUnderWay).length <= sendingMax);
        for (const item of queue.items) {
          assert.ok(item.durableBytes <= item.sizeBytes && item.sentBytes <= item.sizeBytes);
          if (item.phase !== "waiting") assert.equal(item.retryAtMs, undefined);
        }
      }
    }),
  );
});
