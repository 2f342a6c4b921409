import assert from "node:assert/strict";
import { test } from "node:test";
import { checkManifest } from "@piccolo/app-manifest";
import { manifestText } from "../../../test-support/app-device.ts";
import { requestInstall } from "../requests.ts";
import type { AppPlanRecord } from "../plan-types.ts";
import type { NextBackup } from "./decide-backup.ts";
import type { BackupNotes, StoredBackup } from "./types.ts";
import { backedUpApps, backupsView } from "./views.ts";

const { manifest } = checkManifest(manifestText("shelf"));
assert.ok(manifest);
const installed = requestInstall(undefined, { manifest, grants: [], settings: {} }, 0);
const generation = installed.change?.to ?? assert.fail();
const record: AppPlanRecord = { ...installed, current: generation, change: undefined };
const bundled = { has: () => false, open: () => undefined };
const notes: BackupNotes = { sinceMs: 0, failed: undefined, unstorable: [], drill: undefined };
const facts = {
  name: { en: "Shelf" },
  version: "1",
  cause: "backup",
  plainBytes: 9,
  newBytes: 5,
  localImages: [],
} as const;
const stored: StoredBackup = {
  id: "aa",
  app: "shelf",
  takenAtMs: 100,
  versionId: new Uint8Array(16),
  documentBytes: 1,
  facts,
};
const rest: NextBackup = { do: "wait", atMs: 900, trouble: undefined };
const trouble = { code: "too-few-holders", detail: "Few.", nextStep: "Wait." };
const view = (change: Partial<Parameters<typeof backupsView>[0]>) =>
  backupsView({ record, stored: [], notes, next: rest, progress: undefined, bundled, nowMs: 1_000, ...change });

test("states say what an owner can act on", () => {
  assert.deepEqual(view({}), { state: "none", nextAtMs: 900, backups: [] });
  assert.equal(view({ stored: [stored] }).state, "saved");
  assert.equal(view({ stored: [stored] }).lastAtMs, 100);
  const waiting = view({ next: { do: "wait", atMs: undefined, trouble } });
  assert.deepEqual([waiting.state, waiting.trouble, waiting.nextAtMs], ["waiting", trouble, undefined]);
  const failed = { code: "disk-full", detail: "Full.", nextStep: "Free some.", atMs: 5, count: 3 };
  const failing = view({ notes: { ...notes, failed }, next: { do: "wait", atMs: 900, trouble: failed } });
  assert.deepEqual(
    [failing.state, failing.trouble],
    ["failing", { code: "disk-full", detail: "Full.", nextStep: "Free some." }],
  );
  const progress = { step: "Storing", doneBytes: 1, totalBytes: 2 };
  const saving = view({ progress, next: { do: "wait", atMs: undefined, trouble } });
  assert.deepEqual([saving.state, saving.trouble], ["saving", undefined]);
});

test("what a clock that was ahead has dated stands below the others, and is not the newest", () => {
  const ahead = { ...stored, id: "zz", takenAtMs: 9_000_000_000 };
  const shown = view({ stored: [stored, ahead], nowMs: 1_000 });
  assert.deepEqual(
    shown.backups.map(({ id }) => id),
    ["aa", "zz"],
  );
});

test("a copy that is in the network, too, is shown once, as the one there", () => {
  const copy = { id: "aa", generation, takenAtMs: 100, cause: "backup", volumes: [] } as const;
  const both = { ...record, backups: [copy, { ...copy, id: "bb", takenAtMs: 200 }] };
  assert.deepEqual(
    view({ record: both, stored: [stored] }).backups.map(({ id, place }) => [id, place]),
    [
      ["bb", "device"],
      ["aa", "network"],
    ],
  );
});

test("apps are told apart by whether they are here, or were uninstalled and lie in the trash", () => {
  const other = { ...stored, id: "cc", app: "other" };
  const binned = { ...stored, id: "dd", app: "binned" };
  assert.deepEqual(
    backedUpApps([stored, { ...stored, id: "ab" }, other, binned], new Set(["other"]), new Set(["binned"])).map(
      ({ app, installed: is, inTrash, backups }) => [app, is, inTrash, backups.length],
    ),
    [
      ["shelf", false, false, 2],
      ["other", true, false, 1],
      ["binned", false, true, 1],
    ],
  );
});
