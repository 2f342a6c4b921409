import assert from "node:assert/strict";
import { test } from "node:test";
import type { MetadataLogView } from "@piccolo/storage/metadata-log";
import { backupView, staleBackup } from "./view.ts";

const log: MetadataLogView = {
  state: "ready",
  sequence: 7,
  witnessedSequence: 7,
  checkpointSequence: 3,
  ageMs: 0,
  waitingChanges: false,
  witnesses: [{ account: "aa", online: true, sequence: undefined }],
  quorum: 1,
};
const parts = { view: log, inNetwork: true, names: new Map([["aa", "Ada"]]), newestWitnessedMs: 4_000, nowMs: 5_000 };

test("witnesses have their names, and one that was not heard yet has nothing", () => {
  const { witnesses, ageMs, state, waitingChanges } = backupView(parts);
  assert.deepEqual(witnesses, [{ account: "aa", name: "Ada", online: true, sequence: 0 }]);
  assert.deepEqual({ ageMs, state, waitingChanges }, { ageMs: 1_000, state: "ready", waitingChanges: false });
});

test("a device that is in no network is not backed up, whatever its log says", () => {
  const view = { ...log, witnesses: [] };
  const { state, ageMs } = backupView({ ...parts, view, inNetwork: false });
  assert.deepEqual({ state, ageMs }, { state: "none", ageMs: null });
});

test("an entry that too few witnesses have is a change that waits", () => {
  assert.equal(backupView({ ...parts, view: { ...log, sequence: 8 } }).waitingChanges, true);
});

test("a fenced log is a replaced device", () => {
  assert.equal(backupView({ ...parts, view: { ...log, state: "fenced" } }).state, "replaced");
});

test("what a recovery found and could not settle is not taken for a device without a network", () => {
  const { state, sequence, checkpointSequence, witnessedSequence } = staleBackup({ sequence: 9, checkpoint: 4 });
  assert.deepEqual([state, sequence, checkpointSequence, witnessedSequence], ["stale", 9, 4, 0]);
});
