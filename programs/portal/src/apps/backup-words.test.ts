import assert from "node:assert/strict";
import { test } from "node:test";
import { backupsInWords, drillHeldUpInWords, drillInWords, placeInWords } from "./backup-words.ts";

const nowMs = Date.UTC(2026, 4, 3, 12);
const hourMs = 3_600_000;

test("the last backup and the next are said, and what is not known is not", () => {
  const last = { lastAtMs: nowMs - 2 * hourMs };
  assert.equal(backupsInWords({ state: "none" }, nowMs), "No backup yet");
  assert.equal(
    backupsInWords({ state: "saved", ...last, nextAtMs: nowMs + 5 * hourMs }, nowMs),
    "Last backup 2 hours ago, next in 5 hours",
  );
  assert.equal(backupsInWords({ state: "waiting", ...last }, nowMs), "Last backup 2 hours ago");
  assert.equal(backupsInWords({ state: "saving" }, nowMs), "No backup yet, one is being made");
});

test("a backup that is on the device alone says so, whatever its size", () => {
  assert.equal(placeInWords({ place: "device", sizeBytes: 5 }), "only on this device");
  assert.equal(placeInWords({ place: "network" }), "in the network");
  assert.equal(placeInWords({ place: "network", sizeBytes: 12_000_000 }), "in the network, 12 MB");
});

test("a drill that failed says why, one that went well what it looked at", () => {
  const drill = { atMs: nowMs - hourMs, backup: "b", backupAtMs: 1, comparedBytes: 12_000_000, tookMs: 9 };
  assert.equal(drillInWords(drill, nowMs), "Tried 1 hour ago: a restored copy started and answered, 12 MB compared.");
  const trouble = { code: "not-healthy", detail: "The app did not answer.", nextStep: "Look at its log." };
  assert.equal(
    drillInWords({ ...drill, trouble }, nowMs),
    "Tried 1 hour ago: it did not work. The app did not answer.",
  );
  const half = { code: "drill-unproven", detail: "Its data came back whole.", nextStep: "Nothing." };
  assert.equal(drillInWords({ ...drill, trouble: half }, nowMs), "Tried 1 hour ago. Its data came back whole.");
});

test("what keeps a drill from being held is said with what comes of it", () => {
  const trouble = { code: "drill-no-memory", detail: "Too little memory.", nextStep: "It is tried again." };
  assert.equal(drillHeldUpInWords(trouble), "The next try by itself waits. Too little memory. It is tried again.");
});
