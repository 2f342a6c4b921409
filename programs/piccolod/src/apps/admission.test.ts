import assert from "node:assert/strict";
import { test } from "node:test";
import { checkManifest } from "@piccolo/app-manifest";
import { isFault } from "@piccolo/fault";
import { manifestText } from "../../test-support/app-device.ts";
import { changeRefusals, leastFreeBytes } from "./admission.ts";
import type { AppPlanRecord, KeptSnapshot } from "./plan-types.ts";
import { requestBackup, requestInstall, requestRestore, requestRollback, requestUpdate } from "./requests.ts";

const { manifest = assert.fail() } = checkManifest(manifestText("shelf"));
const wish = { manifest, grants: [], settings: {} };

/** With data, a version to go back to, and a copy that lies here. */
function installed(): AppPlanRecord {
  const record = requestInstall(undefined, wish, 0);
  const current = record.change?.to ?? assert.fail();
  const kept = (id: string): KeptSnapshot => ({
    id,
    generation: current,
    takenAtMs: 0,
    cause: "backup",
    volumes: ["data"],
  });
  const rollback = { generation: current, snapshot: kept("r") };
  return { ...record, current, change: undefined, volumes: ["data", "cache"], rollback, backups: [kept("b")] };
}

/** The least that is free beside what always is, with which the change is not refused. */
function neededFor(
  record: AppPlanRecord,
  usedBytes: Readonly<Record<string, number>>,
  placedBytes: Readonly<Record<string, number>> = {},
  roomBytes?: number,
): number {
  const isRefused = (freeBytes: number): boolean => {
    const bounds = { freeBytes: leastFreeBytes + freeBytes, ownBytes: 0, othersBytes: 0 };
    const refusals = changeRefusals(record, { usedBytes, placedBytes, bounds, missing: [], roomBytes });
    for (const refusal of refusals)
      assert.ok(isFault(refusal, "no-room") && /copies of its data/.test(refusal.message));
    return refusals.length > 0;
  };
  let needed = 0;
  while (isRefused(needed)) needed += 1;
  return needed;
}

const used = { data: 10, cache: 5 };

test("an update has room for the copy it makes, which takes the data's place where it is put back", () => {
  assert.equal(neededFor(requestUpdate(installed(), wish, "s", 0), used, {}, 0), 10);
  assert.equal(neededFor(requestUpdate(installed(), wish, "s", 0), used, {}, 7), 17);
});

test("a backup that stays here needs its own size alone: nothing is ever put back for it", () => {
  assert.equal(neededFor(requestBackup(installed(), "s", 0), used), 10);
});

test("going back and restoring a local copy need room for the way back, and for what the copy is larger than the data it replaces", () => {
  for (const record of [requestRollback(installed(), "s", 0), requestRestore(installed(), "b", "s", 0)]) {
    assert.equal(neededFor(record, used, { data: 4 }), 10);
    assert.equal(neededFor(record, used, { data: 10 }), 10);
    assert.equal(neededFor(record, used, { data: 30 }), 30);
  }
});

test("of an app with several volumes each one's copy counts", () => {
  const two = installed();
  const volumes = manifest.volumes.map((volume) => ({ ...volume, backup: true }));
  const both = { ...manifest, volumes };
  const current = { ...(two.current ?? assert.fail()), manifest: both };
  const record = requestUpdate({ ...two, current }, { ...wish, manifest: both }, "s", 0);
  assert.equal(neededFor(record, { data: 10, cache: 8 }, {}, 0), 18);
});
