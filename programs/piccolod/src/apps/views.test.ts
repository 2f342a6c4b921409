import assert from "node:assert/strict";
import { test } from "node:test";
import { manifestOf } from "../../test-support/app-world.ts";
import type { AppPlanRecord, ChangeKind, Failure } from "./plan-types.ts";
import { appView } from "./views.ts";

const failure: Failure = {
  code: "not-healthy",
  detail: "The app did not answer within 60 seconds.",
  nextStep: "Look at its log.",
  count: 1,
  retryAtMs: undefined,
};
const current = { number: 1, manifest: manifestOf({ version: 1 }), grants: [], settings: {} };

function viewOf(more: Partial<AppPlanRecord>, catalog?: Parameters<typeof appView>[1]["catalog"]) {
  const record: AppPlanRecord = {
    app: "app",
    wanted: "running",
    current,
    lastGeneration: 1,
    change: undefined,
    volumes: [],
    rollback: undefined,
    backups: [],
    discarded: [],
    trash: undefined,
    untrashing: false,
    failure: undefined,
    notice: undefined,
    ...more,
  };
  const lane = {
    progress: undefined,
    waiting: undefined,
    restedAs: undefined,
    hasRested: true,
    route: { kind: "open" },
  };
  const look = { app: { record, installedAtMs: 0 }, lane } as unknown as Parameters<typeof appView>[0];
  return appView(look, { entry: "/", usedBytes: {}, icon: undefined, update: undefined, catalog });
}

test("a change that was given up says what was tried, and that everything is as before", () => {
  for (const [kind, words] of [
    ["update", "The update to version 2 did not succeed"],
    ["configure", "Changing its settings did not succeed"],
    ["rollback", "Going back to version 2 did not succeed"],
    ["restore", "Restoring it did not succeed"],
    ["backup", "The backup did not succeed"],
  ] as const satisfies readonly (readonly [ChangeKind, string])[]) {
    const { state, problem } = viewOf({ notice: { kind, version: "2", failure } });
    assert.deepEqual([state, problem?.code, problem?.nextStep], ["running", "not-healthy", "Look at its log."]);
    assert.equal(
      problem?.detail,
      `${words}, and everything is as it was before. The app did not answer within 60 seconds.`,
    );
  }
});

test("what keeps the app down now is said before what was given up earlier", () => {
  const { problem } = viewOf({ failure, notice: { kind: "update", version: "2", failure } });
  assert.equal(problem?.detail, failure.detail);
});

test("an app names the catalog it is from, by a title only where the device has it", () => {
  assert.equal(viewOf({}).catalog, undefined);
  assert.deepEqual(viewOf({}, { id: "ab", title: undefined }).catalog, { id: "ab" });
  assert.deepEqual(viewOf({}, { id: "ab", title: { en: "Ours" } }).catalog, { id: "ab", title: { en: "Ours" } });
});

test("what the system said is told with the problem, also of a change that was given up", () => {
  const refused: Failure = { ...failure, code: "step-failed", systemSaid: "mount: permission denied" };
  assert.equal(viewOf({ failure: refused }).problem?.systemSaid, "mount: permission denied");
  const notice = { kind: "update", version: "2", failure: refused } as const;
  assert.equal(viewOf({ notice }).problem?.systemSaid, "mount: permission denied");
  assert.equal("systemSaid" in (viewOf({ failure }).problem ?? {}), false);
});
