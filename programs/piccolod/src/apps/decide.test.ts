import assert from "node:assert/strict";
import { test } from "node:test";
import { imageName } from "@piccolo/app-manifest";
import fc from "fast-check";
import { AppWorld, type ManifestWish, manifestOf, notHealthy, type Outcome } from "../../test-support/app-world.ts";
import { decide, decideTrash } from "./decide.ts";
import type { AppPlanRecord, Observed, Step } from "./plan-types.ts";
import { recordAfter, trashOf } from "./record.ts";
import {
  requestBackup,
  requestConfigure,
  requestDeleteCopy,
  requestDeleteRollback,
  requestDrill,
  requestInstall,
  requestInstallFromBackup,
  requestRemoval,
  requestRetry,
  requestRollback,
  requestRestore,
  requestRestoreFromBackup,
  requestRun,
  requestTrashRestore,
  requestUpdate,
} from "./requests.ts";

const stateful: ManifestWish = { version: 1, volumes: { data: "stop", cache: "pause" } };
const wish = (manifest: ManifestWish) => ({ manifest: manifestOf(manifest), grants: [], settings: {} });
const done = (): Outcome => "done";

function must<T>(value: T | undefined): T {
  assert.ok(value !== undefined);
  return value;
}

function storedWrites(world: AppWorld, backup: string): ReadonlySet<number> {
  return new Set([...(world.stored.get(backup)?.contents.values() ?? [])].flatMap(({ writes }) => [...writes]));
}

/** Plans and takes steps without faults until nothing is left to do; gives what it waits for. */
function settle(world: AppWorld): ReturnType<typeof decide>["waiting"] {
  for (let round = 0; round < 40; round += 1) {
    if (world.record === undefined) return undefined;
    const plan = decide(world.record, world.observe(), world.nowMs);
    if (plan.waiting?.for === "retry") world.nowMs = Math.max(world.nowMs, plan.waiting.atMs);
    else if (plan.steps.length === 0) return plan.waiting;
    world.run(plan, done);
    world.write();
    world.check();
  }
  return assert.fail("it does not come to rest");
}

function installed(manifest: ManifestWish = stateful): AppWorld {
  const world = new AppWorld();
  world.want(requestInstall(undefined, wish(manifest), world.nowMs));
  assert.equal(settle(world), undefined);
  world.write();
  return world;
}

const stepNames = (steps: readonly Step[]): readonly string[] =>
  steps.map((step) => {
    if (step.do === "record")
      return `record ${step.event.type}${step.event.type === "phase" ? ` ${step.event.phase}` : ""}`;
    if ("service" in step) return `${step.do} ${step.generation}/${step.service}`;
    if (step.do === "route") return `route ${step.to.kind}`;
    return step.do;
  });

test("containers that are not known change nothing, whatever is wanted", () => {
  const world = installed();
  const record = must(world.record);
  const wanted = [
    record,
    requestRun(record, "stopped"),
    requestRemoval(record, "t1"),
    requestUpdate(record, wish({ ...stateful, version: 2 }), "s1", 0),
    { ...requestUpdate(record, wish({ ...stateful, version: 2 }), "s1", 0), lastGeneration: 0 },
  ];
  for (const one of wanted) {
    const plan = decide(one, world.observe(new Set(["containers"])), world.nowMs);
    assert.deepEqual(plan.steps, []);
    assert.equal(plan.waiting?.for, "knowledge");
  }
});

test("no part that is not known is read as absent", () => {
  const parts: (keyof Observed)[] = ["images", "network", "volumes", "snapshots"];
  for (const part of parts) {
    const world = installed();
    world.containers.clear();
    const unknown = decide(must(world.record), world.observe(new Set([part])), world.nowMs);
    const names = stepNames(unknown.steps);
    if (part === "images") assert.ok(!names.some((name) => /^(pull|create)/.test(name)));
    if (part === "network") assert.ok(!names.includes("make-network"));
    if (part === "volumes") assert.ok(!names.some((name) => /^(make-volume|create|start)/.test(name)));
    const removal = decide(requestRemoval(must(world.record), "t1"), world.observe(new Set([part])), world.nowMs);
    if (part === "volumes") assert.deepEqual(removal.steps, []);
  }
});

test("a stopped app's new version has to answer once before it is the one to start, and is stopped then", () => {
  for (const isSick of [false, true]) {
    const world = installed();
    world.want(requestRun(must(world.record), "stopped"));
    assert.equal(settle(world), undefined);
    if (isSick) world.sick.add(2);
    world.want(requestUpdate(must(world.record), wish({ ...stateful, version: 2 }), "s1", world.nowMs));
    assert.equal(settle(world), undefined);
    const { current, notice, wanted } = must(world.record);
    assert.equal(current?.manifest.version, isSick ? "1" : "2");
    assert.equal(notice?.failure.code, isSick ? "not-healthy" : undefined);
    assert.equal(wanted, "stopped");
    assert.ok([...world.containers.values()].every(({ state }) => state !== "running"));
    assert.deepEqual(world.route, { kind: "closed" });
  }
});

test("what copies no data neither freezes the app nor puts anything back", () => {
  for (const snapshot of ["stop", "pause", "live"] as const) {
    const world = installed({ version: 1, sideBySide: true, volumes: { data: snapshot } });
    world.want(requestConfigure(must(world.record), { grants: [], settings: {} }, "s1", world.nowMs));
    assert.equal(must(world.record?.change).safety, undefined);
    const names: string[] = [];
    for (let round = 0; round < 40 && world.record?.change !== undefined; round += 1) {
      const plan = decide(world.record, world.observe(), world.nowMs);
      names.push(...stepNames(plan.steps));
      world.run(plan, done);
      world.check();
    }
    assert.equal(world.record?.current?.number, 2);
    assert.deepEqual(
      names.filter((name) => /pause|snapshot|restore/.test(name)),
      [],
    );
  }
});

test("what is left of a network that is only there in part goes with the app", () => {
  const world = installed();
  world.network = false;
  const { steps } = decide(requestRemoval(must(world.record), "t1"), world.observe(), world.nowMs);
  assert.ok(stepNames(steps).includes("remove-network"));
});

test("secrets of an app without data go with it, too", () => {
  const world = installed({ version: 1 });
  const { steps } = decide(requestRemoval(must(world.record), "t1"), world.observe(), world.nowMs);
  assert.ok(stepNames(steps).includes("trash-volumes"));
});

test("data that is missing is not made anew: the app waits for its owner", () => {
  const world = installed();
  world.volumes.delete("data");
  world.crash(true);
  const plan = decide(must(world.record), world.observe(), world.nowMs);
  assert.equal(plan.waiting?.for, "owner");
  assert.ok(plan.waiting?.for === "owner" && plan.waiting.failure.code === "data-missing");
  assert.ok(!stepNames(plan.steps).some((name) => /start|create|make-volume/.test(name)));
});

test("a change does not begin where data it would copy is missing", () => {
  const world = installed();
  world.volumes.delete("data");
  const asked = requestUpdate(must(world.record), wish({ ...stateful, version: 2 }), "s1", world.nowMs);
  assert.ok(asked.change);
  const plan = decide({ ...asked, change: { ...asked.change, phase: "saving" } }, world.observe(), world.nowMs);
  assert.deepEqual(plan.steps, []);
  assert.ok(plan.waiting?.for === "owner" && plan.waiting.failure.code === "data-missing");
});

test("whatever made the old version run again, it is gone before the new one starts", () => {
  const world = installed();
  const asked = requestUpdate(must(world.record), wish({ ...stateful, version: 2 }), "s1", world.nowMs);
  assert.ok(asked.change);
  const plan = decide({ ...asked, change: { ...asked.change, phase: "starting" } }, world.observe(), world.nowMs);
  const names = stepNames(plan.steps);
  assert.ok(names.indexOf("remove 1/web") >= 0 && names.indexOf("remove 1/web") < names.indexOf("create 2/db"));
});

test("a volume nobody recorded goes into the trash too, and not into the next install", () => {
  const world = installed();
  world.volumes.set("stray", { writes: new Set(), version: 1, torn: false });
  world.want(requestRemoval(must(world.record), "t1"));
  settle(world);
  assert.deepEqual([...world.trashed.keys()].toSorted(), ["cache", "data", "stray"]);
});

test("a database older than the containers stops everything", () => {
  const world = installed();
  world.containers.set("9/web", {
    generation: 9,
    service: "web",
    state: "running",
    exitCode: undefined,
    upToDate: true,
  });
  const plan = decide(must(world.record), world.observe(), world.nowMs);
  assert.deepEqual(plan.steps, []);
  assert.ok(plan.waiting?.for === "owner" && plan.waiting.failure.code === "record-behind");
});

test("an install fetches, makes and starts in the order of dependencies, and serves only after the probe", () => {
  const world = new AppWorld();
  world.want(requestInstall(undefined, wish(stateful), world.nowMs));
  world.run(decide(must(world.record), world.observe(), world.nowMs), done);
  assert.deepEqual(
    stepNames(decide(must(world.record), world.observe(), world.nowMs).steps),
    [
      "make-network",
      "make-volume",
      "make-volume",
      "record volumes-made",
      "create 1/db",
      "start 1/db",
      "await 1/db",
      "create 1/web",
      "start 1/web",
      "probe",
      "record committed",
      "route open",
    ]
      .flatMap((name) => (name === "make-network" ? ["route closed", name] : [name]))
      .slice(1),
  );
});

test("an update of an app with data holds requests, stops, copies, and only then starts", () => {
  const world = installed();
  world.want(requestUpdate(must(world.record), wish({ ...stateful, version: 2 }), "s1", world.nowMs));
  world.run(decide(must(world.record), world.observe(), world.nowMs), done);
  const saving = decide(must(world.record), world.observe(), world.nowMs);
  assert.deepEqual(stepNames(saving.steps), [
    "route held",
    "stop 1/web",
    "stop 1/db",
    "remove 1/web",
    "remove 1/db",
    "snapshot",
    "record phase starting",
  ]);
  world.run(saving, done);
  const starting = stepNames(decide(must(world.record), world.observe(), world.nowMs).steps);
  assert.deepEqual(starting.slice(-3), ["probe", "record committed", "route open"]);
  assert.equal(settle(world), undefined);
  assert.equal(world.record?.current?.manifest.version, "2");
  assert.equal(world.record?.rollback?.snapshot?.id, "s1");
});

test("a sick update is undone with its data, and the owner is told why", () => {
  const world = installed();
  world.sick.add(2);
  const before = new Set(world.acknowledged);
  world.want(requestUpdate(must(world.record), wish({ ...stateful, version: 2 }), "s1", world.nowMs));
  assert.equal(settle(world), undefined);
  const record = must(world.record);
  assert.equal(record.current?.manifest.version, "1");
  assert.equal(record.notice?.failure.code, "not-healthy");
  assert.equal(record.notice?.version, "2");
  assert.ok(before.isSubsetOf(world.live()));
  assert.equal(world.volumes.get("data")?.version, 1);
  assert.deepEqual(world.route, { kind: "open", generation: 1 });
  assert.ok(!world.snapshots.has("s1"), "a copy nothing needs any more is gone");
});

test("an app that says so is updated side by side and never stops serving", () => {
  const beside: ManifestWish = { version: 1, sideBySide: true, volumes: { data: "live" } };
  const world = installed(beside);
  world.want(requestUpdate(must(world.record), wish({ ...beside, version: 2 }), "s1", world.nowMs));
  const routes: string[] = [];
  for (let round = 0; round < 6; round += 1) {
    const plan = decide(must(world.record), world.observe(), world.nowMs);
    routes.push(...plan.steps.flatMap((step) => (step.do === "route" ? step.to.kind : [])));
    world.run(plan, (step) => {
      if (step.do !== "record") world.write();
      return "done";
    });
  }
  assert.deepEqual(routes, ["open"]);
  assert.equal(world.record?.current?.manifest.version, "2");
  assert.deepEqual([...new Set([...world.containers.values()].map(({ generation }) => generation))], [2]);
});

test("a sick update side by side takes nothing back of what was written meanwhile", () => {
  const beside: ManifestWish = { version: 1, sideBySide: true, volumes: { data: "live" } };
  const world = installed(beside);
  world.sick.add(2);
  world.want(requestUpdate(must(world.record), wish({ ...beside, version: 2 }), "s1", world.nowMs));
  assert.equal(settle(world), undefined);
  assert.equal(world.record?.current?.manifest.version, "1");
  assert.ok(world.acknowledged.isSubsetOf(world.live()));
});

test("an update side by side has addresses of its own, whatever was tried before it", () => {
  for (const before of ["given up", "replaced"]) {
    const beside: ManifestWish = { version: 1, sideBySide: true, volumes: { data: "live" } };
    const world = installed(beside);
    world.sick.add(2);
    world.want(requestUpdate(must(world.record), wish({ ...beside, version: 2 }), "s1", world.nowMs));
    if (before === "given up") assert.equal(settle(world), undefined);
    world.want(requestUpdate(must(world.record), wish({ ...beside, version: 3 }), "s2", world.nowMs));
    assert.equal(settle(world), undefined);
    assert.equal(world.record?.current?.manifest.version, "3");
    assert.equal(world.record.notice, undefined);
  }
});

test("a rollback brings back version and data, and can be undone the same way", () => {
  const world = installed();
  const early = new Set(world.acknowledged);
  world.want(requestUpdate(must(world.record), wish({ ...stateful, version: 2 }), "s1", world.nowMs));
  settle(world);
  world.write();
  const late = new Set(world.acknowledged);
  world.want(requestRollback(must(world.record), "s2", world.nowMs));
  settle(world);
  assert.equal(world.record?.current?.manifest.version, "1");
  assert.ok(early.isSubsetOf(world.live()));
  world.want(requestRollback(must(world.record), "s3", world.nowMs));
  settle(world);
  assert.equal(world.record?.current?.manifest.version, "2");
  assert.ok(late.isSubsetOf(world.live()));
});

test("a backup of an app that must stop for it starts it again, and can be restored", () => {
  const world = installed();
  const early = new Set(world.acknowledged);
  world.want(requestBackup(must(world.record), "b1", world.nowMs));
  settle(world);
  assert.deepEqual(
    must(world.record).backups.map(({ id }) => id),
    ["b1"],
  );
  assert.deepEqual(world.route, { kind: "open", generation: 1 });
  world.want(requestRestore(must(world.record), "b1", "s1", world.nowMs));
  settle(world);
  assert.ok(early.isSubsetOf(world.live()));
  assert.equal(world.snapshots.get("s1")?.state, "complete");
});

test("a backup of an app that can be frozen is never without the frozen part, and thaws it after a failure", () => {
  const world = installed({ version: 1, volumes: { data: "pause" } });
  world.want(requestBackup(must(world.record), "b1", world.nowMs));
  world.run(decide(must(world.record), world.observe(), world.nowMs), (step) =>
    step.do === "snapshot" ? { code: "snapshot-failed", detail: "", nextStep: "" } : "done",
  );
  assert.deepEqual(
    [...world.containers.values()].map(({ state }) => state),
    ["paused", "paused"],
  );
  const { steps } = decide(must(world.record), world.observe(), world.nowMs);
  assert.deepEqual(stepNames(steps), ["resume 1/db", "resume 1/web"]);
  settle(world);
  assert.equal(world.snapshots.get("b1")?.state, "complete");
});

test("a backup in the network comes back before anything is touched, and what was there can be brought back", () => {
  const world = installed();
  world.want(requestBackup(must(world.record), "b1", world.nowMs));
  settle(world);
  assert.equal(world.store(), "b1");
  const saved = storedWrites(world, "b1");
  settle(world);
  assert.deepEqual([...world.snapshots.keys()], [], "the copy that is in the network is gone here");
  world.write();
  const before = new Set(world.acknowledged);
  const request = requestRestoreFromBackup(must(world.record), world.form("b1"), { copy: "c1", safety: "s1" }, 0);
  assert.deepEqual(stepNames(decide(request, world.observe(), 0).steps), ["fetch-backup", "record phase saving"]);
  world.want(request);
  assert.equal(settle(world), undefined);
  assert.ok(saved.isSubsetOf(world.live()) && !before.isSubsetOf(world.live()));
  assert.deepEqual([...world.snapshots.keys()], ["s1"], "the fetched copy went, the one made before stays");
  world.want(requestRollback(must(world.record), "s2", world.nowMs));
  settle(world);
  assert.ok(before.isSubsetOf(world.live()));
});

test("an app that is not there is made from its backup, also after it was uninstalled half-way", () => {
  const world = installed();
  world.want(requestBackup(must(world.record), "b1", world.nowMs));
  settle(world);
  world.store();
  const saved = storedWrites(world, "b1");
  const fresh = new AppWorld();
  fresh.stored.set("b1", must(world.stored.get("b1")));
  fresh.want(requestInstallFromBackup(undefined, fresh.form("b1"), "c1", 0));
  fresh.run(decide(must(fresh.record), fresh.observe(), 0), (step) => (step.do === "fetch-backup" ? "half" : "done"));
  assert.equal(fresh.snapshots.get("c1")?.state, "partial");
  fresh.want(requestRemoval(must(fresh.record), "t1"));
  settle(fresh);
  assert.equal(fresh.record, undefined);
  fresh.want(requestTrashRestore(fresh.trash ?? assert.fail(), undefined, 0));
  assert.equal(settle(fresh), undefined);
  assert.ok(saved.isSubsetOf(fresh.live()));
  assert.deepEqual([...fresh.snapshots.keys()], []);
});

test("a backup that cannot be read leaves the app as it was, and a locked device is waited for without end", () => {
  const world = installed();
  world.want(requestBackup(must(world.record), "b1", world.nowMs));
  settle(world);
  world.store();
  const failing = (code: "backup-damaged" | "device-locked") => ({ code, detail: "", nextStep: "" });
  const names = { copy: "c1", safety: "s1" };
  for (let round = 0; round < 50; round += 1) {
    if (round === 0) world.want(requestRestoreFromBackup(must(world.record), world.form("b1"), names, world.nowMs));
    const plan = decide(must(world.record), world.observe(), world.nowMs);
    world.run(plan, (step) => (step.do === "fetch-backup" ? failing("device-locked") : "done"));
    world.nowMs += 3_600_000;
  }
  assert.equal(world.record?.change?.phase, "fetching");
  assert.equal(world.route.kind, "open");
  world.run(decide(must(world.record), world.observe(), world.nowMs), (step) =>
    step.do === "fetch-backup" ? failing("backup-damaged") : "done",
  );
  settle(world);
  assert.equal(world.record?.change, undefined);
  assert.equal(world.record?.notice?.failure.code, "backup-damaged");
  assert.ok(world.acknowledged.isSubsetOf(world.live()));
});

test("a drill's copy asks for nothing of the outside and goes without trace", () => {
  const world = installed();
  world.want(requestBackup(must(world.record), "b1", world.nowMs));
  settle(world);
  world.store();
  const form = world.form("b1");
  const record = requestDrill(
    { ...form, generation: { ...form.generation, grants: ["internet"] } },
    { name: "drill_shelf", copy: "c1" },
    0,
  );
  assert.deepEqual(record.change?.to.grants, []);
  assert.equal(record.app, "drill_shelf");
  const drill = new AppWorld();
  drill.stored.set("b1", must(world.stored.get("b1")));
  drill.want(record);
  assert.equal(settle(drill), undefined);
  drill.want(requestRemoval(must(drill.record), "t1"));
  settle(drill);
  assert.equal(drill.trash?.purge, true);
  assert.ok(decideTrash(drill.trash ?? assert.fail(), undefined, 0).steps.length > 0);
});

test("an uninstalled app lies in the trash for thirty days with its data, and comes back with it", () => {
  const world = installed();
  world.want(requestRemoval(must(world.record), "t1"));
  settle(world);
  assert.equal(world.record, undefined);
  assert.equal(world.volumes.size, 0);
  const trash = world.trash;
  assert.ok(trash);
  assert.deepEqual(decideTrash(trash, undefined, trash.purgeAtMs - 1).steps, []);
  world.want(requestTrashRestore(trash, undefined, world.nowMs));
  settle(world);
  assert.ok(world.acknowledged.isSubsetOf(world.live()));
  assert.equal(world.trash, undefined);
  assert.deepEqual(world.route.kind, "open");
});

test("after thirty days, or when the owner says so, the trash is purged with its copies", () => {
  const world = installed();
  world.want(requestUpdate(must(world.record), wish({ ...stateful, version: 2 }), "s1", world.nowMs));
  settle(world);
  world.want(requestRemoval(must(world.record), "t1"));
  settle(world);
  assert.ok(world.trash);
  world.acknowledged.clear();
  for (const plan of [
    decideTrash(world.trash, undefined, world.trash.purgeAtMs),
    decideTrash({ ...world.trash, purge: true }, undefined, 0),
  ]) {
    assert.deepEqual(plan.steps[0], { do: "purge-trash", trash: "t1", snapshots: ["s1"] });
  }
});

test("an uninstall in the middle of a sick update keeps the copy made before it", () => {
  const world = installed();
  world.sick.add(2);
  const before = new Set(world.acknowledged);
  world.want(requestUpdate(must(world.record), wish({ ...stateful, version: 2 }), "s1", world.nowMs));
  for (let round = 0; round < 3; round += 1) world.run(decide(must(world.record), world.observe(), world.nowMs), done);
  assert.equal(world.record?.change?.phase, "undoing");
  world.want(requestRemoval(must(world.record), "t1"));
  settle(world);
  assert.equal(world.trash?.placed, "s1");
  world.want(requestTrashRestore(world.trash, undefined, world.nowMs));
  settle(world);
  assert.equal(world.record?.current?.manifest.version, "1");
  assert.ok(before.isSubsetOf(world.live()));
});

test("an install that fails leaves nothing running, keeps its reason, and is tried again when the owner asks", () => {
  const world = new AppWorld();
  world.sick.add(1);
  world.want(requestInstall(undefined, wish(stateful), world.nowMs));
  const waiting = settle(world);
  assert.ok(waiting?.for === "owner" && waiting.failure.code === "not-healthy");
  assert.equal(world.containers.size, 0);
  world.sick.clear();
  world.want(requestRetry(must(world.record), world.nowMs));
  assert.equal(settle(world), undefined);
  assert.deepEqual(world.route, { kind: "open", generation: 1 });
});

test("a registry that does not answer leaves the running version alone, and an update gives up after a while", () => {
  const world = installed();
  world.want(requestUpdate(must(world.record), wish({ ...stateful, version: 2 }), "s1", world.nowMs));
  for (let round = 0; round < 12 && world.record?.change !== undefined; round += 1) {
    const plan = decide(must(world.record), world.observe(), world.nowMs);
    world.run(plan, (step) => (step.do === "pull" ? { code: "image-unreachable", detail: "", nextStep: "" } : "done"));
    assert.deepEqual(world.route, { kind: "open", generation: 1 });
    world.nowMs += 20 * 60_000;
  }
  assert.equal(world.record?.change, undefined);
  assert.equal(world.record?.notice?.failure.code, "image-unreachable");
});

test("a registry that gives no more for a while is asked ever more seldom, for hours, and at most an hour apart", () => {
  const world = installed();
  world.want(requestUpdate(must(world.record), wish({ ...stateful, version: 2 }), "s1", world.nowMs));
  const startedAtMs = world.nowMs;
  const waits: number[] = [];
  while (world.record?.change !== undefined && waits.length < 100) {
    const plan = decide(must(world.record), world.observe(), world.nowMs);
    world.run(plan, (step) => (step.do === "pull" ? { code: "registry-busy", detail: "", nextStep: "" } : "done"));
    const nextMs = world.record?.change?.failure?.retryAtMs ?? world.nowMs;
    waits.push((nextMs - world.nowMs) / 60_000);
    world.nowMs = nextMs;
  }
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 0]);
  // Docker Hub counts by six hours.
  assert.ok(world.nowMs - startedAtMs > 6 * 3_600_000);
  assert.deepEqual(world.route, { kind: "open", generation: 1 });
  assert.equal(world.record?.notice?.failure.code, "registry-busy");
});

test("a failure of a clock that was months ahead holds nothing up once the clock is right", () => {
  const world = installed();
  world.want(requestUpdate(must(world.record), wish({ ...stateful, version: 2 }), "s1", world.nowMs));
  world.nowMs += 60 * 24 * 3_600_000;
  const plan = decide(must(world.record), world.observe(), world.nowMs);
  world.run(plan, (step) => (step.do === "pull" ? { code: "image-unreachable", detail: "", nextStep: "" } : "done"));
  assert.equal(decide(must(world.record), world.observe(), world.nowMs).waiting?.for, "retry");
  world.nowMs -= 60 * 24 * 3_600_000;
  assert.equal(decide(must(world.record), world.observe(), world.nowMs).steps[0]?.do, "pull");
});

test("while Podman is away nothing is given up, however long it takes", () => {
  const world = installed();
  world.want(requestUpdate(must(world.record), wish({ ...stateful, version: 2 }), "s1", world.nowMs));
  for (let round = 0; round < 100; round += 1) {
    world.run(decide(must(world.record), world.observe(), world.nowMs), () => ({
      code: "runtime-unavailable",
      detail: "",
      nextStep: "",
    }));
    world.nowMs += 10_000;
  }
  assert.ok(world.record?.change !== undefined);
  assert.equal(settle(world), undefined);
  assert.equal(world.record?.current?.manifest.version, "2");
});

test("a plan asks for nothing but the app's own state", () => {
  const world = installed();
  const record = must(world.record);
  const names = stepNames(
    decide(requestUpdate(record, wish({ ...stateful, version: 2 }), "s", 0), world.observe(), 0).steps,
  );
  assert.deepEqual(names, ["pull", "pull", "record phase saving"]);
  assert.ok(world.images.size > 0);
  assert.ok(imageName(record.current?.manifest.services[0]?.image ?? assert.fail()).startsWith("example.org/"));
});

const modes = fc.constantFrom("stop", "pause", "live");
const worlds = fc.record({
  sideBySide: fc.boolean(),
  volumes: fc.dictionary(fc.constantFrom("data", "cache"), modes, { noNullPrototype: true }),
  sick: fc.boolean(),
});
const faults = fc.constantFrom<Outcome | "crash" | "reboot">(
  "done",
  "done",
  "done",
  "half",
  "crash",
  "reboot",
  notHealthy,
  { code: "step-failed", detail: "", nextStep: "" },
  { code: "disk-full", detail: "", nextStep: "" },
  { code: "runtime-unavailable", detail: "", nextStep: "" },
);
const unknowns = fc.subarray<keyof Observed>(["containers", "images", "network", "volumes", "snapshots"]);
const actions = fc.constantFrom(
  "update",
  "configure",
  "take-back",
  "delete-copy",
  "delete-rollback",
  "rollback",
  "backup",
  "restore",
  "stop",
  "run",
  "retry",
  "remove",
  "restore-trash",
  "store",
  "restore-stored",
  "install-stored",
  "none",
);

/** At once, whatever the lane is about. */
function drop(world: AppWorld, record: AppPlanRecord, copy: string | undefined): void {
  world.want(record);
  if (copy === undefined) return;
  world.snapshots.delete(copy);
  world.want(recordAfter(record, { type: "discarded-gone", snapshots: [copy] }));
}

function act(world: AppWorld, action: string, made: ManifestWish, at: number): void {
  const { record, trash } = world;
  try {
    if (action === "restore-trash" && trash !== undefined && record === undefined) {
      world.want(requestTrashRestore(trash, record, world.nowMs));
    }
    const [stored] = [...world.stored.keys()].slice(-1);
    if (action === "install-stored" && stored !== undefined && record === undefined && trash === undefined) {
      world.want(requestInstallFromBackup(record, world.form(stored), `c${at}`, world.nowMs));
      // What was written since it was stored went with the app.
      world.acknowledged = new Set();
    }
    if (record === undefined) return;
    if (action === "store") world.store();
    if (action === "restore-stored" && stored !== undefined) {
      const names = { copy: `c${at}`, safety: `s${at}` };
      world.want(requestRestoreFromBackup(record, world.form(stored), names, world.nowMs));
    }
    if (action === "update") {
      const version = Number(record.current?.manifest.version ?? 0) + 1;
      // Every other version has a volume those around it lack.
      const volumes = { ...made.volumes, ...(version % 2 === 0 ? { more: "live" as const } : {}) };
      world.want(requestUpdate(record, wish({ ...made, version, volumes }), `s${at}`, world.nowMs));
    }
    const fewer = { grants: [], settings: {} };
    if (action === "configure") {
      const passwords = { WORD: `${at}` };
      world.want(requestConfigure(record, { ...fewer, passwords }, `s${at}`, world.nowMs));
    }
    // One that is being uninstalled is not there for its owner.
    if (record.wanted !== "removed") {
      if (action === "delete-copy") {
        const copy = record.backups[0]?.id ?? "";
        drop(world, requestDeleteCopy(record, copy), copy);
      }
      const before = record.rollback?.snapshot?.id;
      if (action === "delete-rollback") drop(world, requestDeleteRollback(record), before);
    }
    if (action === "take-back") world.want(requestConfigure(record, fewer, `s${at}`, world.nowMs));
    if (action === "rollback") world.want(requestRollback(record, `s${at}`, world.nowMs));
    if (action === "backup") world.want(requestBackup(record, `b${at}`, world.nowMs));
    if (action === "restore") world.want(requestRestore(record, record.backups[0]?.id ?? "", `s${at}`, world.nowMs));
    if (action === "stop" || action === "run")
      world.want(requestRun(record, action === "stop" ? "stopped" : "running"));
    if (action === "retry") world.want(requestRetry(record, world.nowMs));
    if (action === "remove") world.want(requestRemoval(record, `t${at}`));
  } catch (error) {
    assert.ok(error instanceof Error && "code" in error, String(error));
  }
}

test("from any crash, failure and lack of knowledge, at any step of any change, it converges and loses nothing", () => {
  const rounds = fc.array(
    fc.record({
      action: actions,
      unknown: unknowns,
      isKnown: fc.boolean(),
      outcomes: fc.array(faults, { maxLength: 14 }),
    }),
    { minLength: 1, maxLength: 25 },
  );
  fc.assert(
    fc.property(worlds, rounds, (made, script) => {
      const world = installed({ ...made, version: 1 });
      if (made.sick) world.sick.add(2);
      for (const [at, { action, unknown, isKnown, outcomes }] of script.entries()) {
        act(world, action, { ...made, version: 2 }, at);
        if (world.record === undefined) continue;
        const plan = decide(world.record, world.observe(new Set(isKnown ? [] : unknown)), world.nowMs);
        world.run(plan, (_, step) => {
          world.write();
          return outcomes[step] ?? "done";
        });
        world.nowMs += 60_000;
        world.write();
        world.check();
      }
      world.crash(true);
      const isSick = (): boolean => world.sick.has(Number(world.record?.current?.manifest.version));
      assert.ok(!isSick(), "a version that never answered is none that serves");
      const waiting = settle(world);
      if (world.record === undefined) return;
      if (waiting?.for === "owner") {
        world.want(requestRetry(world.record, world.nowMs));
        settle(world);
      }
      const record = must(world.record);
      if (record.wanted !== "running" || record.current === undefined) return;
      assert.deepEqual(world.route, { kind: "open", generation: record.current.number });
      assert.ok(world.acknowledged.isSubsetOf(world.live()), "what was answered is in the volumes");
    }),
    { numRuns: 400 },
  );
});

test("an update that is cut off at each of its steps, in each way, ends as one that is not", () => {
  for (const sideBySide of [false, true]) {
    for (const isSick of [false, true]) {
      for (const end of ["crash", "half", "reboot"] as const) {
        for (let at = 0; at < 40; at += 1) {
          const world = installed({ version: 1, sideBySide, volumes: { data: "pause", cache: "live" } });
          if (isSick) world.sick.add(2);
          world.want(
            requestUpdate(
              must(world.record),
              wish({ version: 2, sideBySide, volumes: { data: "pause", cache: "live" } }),
              "s1",
              world.nowMs,
            ),
          );
          let left = at;
          for (let round = 0; round < 8; round += 1) {
            const plan = decide(must(world.record), world.observe(), world.nowMs);
            world.run(plan, () => (left-- === 0 ? end : "done"));
            if (left < 0) break;
          }
          assert.equal(settle(world), undefined);
          assert.equal(world.record?.current?.manifest.version, isSick ? "1" : "2");
          assert.ok(world.acknowledged.isSubsetOf(world.live()));
        }
      }
    }
  }
});

test("an app that does not answer any more is closed, told and stopped, all of it; not before it missed often enough", () => {
  const world = installed();
  world.health = { misses: 2, answers: 0, silent: "web" };
  assert.deepEqual(decide(must(world.record), world.observe(), world.nowMs).steps, []);
  world.health = { misses: 3, answers: 0, silent: "web" };
  const { steps } = decide(must(world.record), world.observe(), world.nowMs);
  assert.deepEqual(
    stepNames(steps).map((name) => name.replace(/\/.*$/, "")),
    ["route closed", "record silent", ...[...world.containers].map(() => "stop 1")],
  );
  // What stops it is not what it waits for: an owner who wants it stopped, or another version, is heard first.
  const stopped = decide(requestRun(must(world.record), "stopped"), world.observe(), world.nowMs);
  assert.ok(!stepNames(stopped.steps).includes("record silent"));
  const update = requestUpdate(must(world.record), wish({ ...stateful, version: 2 }), "s1", world.nowMs);
  const changing = decide(
    { ...update, change: { ...must(update.change), phase: "saving" } },
    world.observe(),
    world.nowMs,
  );
  assert.ok(!stepNames(changing.steps).includes("record silent"));
});

test("that an app did not answer is forgotten once it has gone on answering", () => {
  const world = installed();
  world.health = { misses: 3, answers: 0, silent: "web" };
  world.run(decide(must(world.record), world.observe(), world.nowMs), done);
  world.health = { misses: 0, answers: 0, silent: undefined };
  assert.equal(settle(world), undefined);
  assert.equal(world.record?.failure?.code, "not-answering");
  assert.deepEqual(world.route, { kind: "open", generation: 1 });
  world.health = { misses: 0, answers: 3, silent: undefined };
  assert.equal(settle(world), undefined);
  assert.equal(world.record?.failure, undefined);
});

test("an app that hung before the device started is started anew once it was asked in vain for a while", () => {
  const world = installed();
  world.crash(false);
  world.sick.add(1);
  const names: string[] = [];
  for (let round = 0; round < 40 && !names.some((name) => name.startsWith("stop")); round += 1) {
    const plan = decide(must(world.record), world.observe(), world.nowMs);
    if (plan.waiting?.for === "retry") world.nowMs = Math.max(world.nowMs, plan.waiting.atMs);
    names.push(...stepNames(plan.steps));
    world.run(plan, done);
  }
  assert.ok(names.filter((name) => name === "probe").length >= 5);
  world.sick.clear();
  assert.equal(settle(world), undefined);
  assert.deepEqual(world.route, { kind: "open", generation: 1 });
});

test("a damaged container of a stopped app is removed, since no stop ends it, and it rests then", () => {
  const world = installed();
  world.want(requestRun(must(world.record), "stopped"));
  assert.equal(settle(world), undefined);
  Object.assign(must(world.containers.get("1/db")), { state: "broken" });
  const { steps } = decide(must(world.record), world.observe(), world.nowMs);
  assert.deepEqual(stepNames(steps), ["stop 1/db", "remove 1/db"]);
  assert.equal(settle(world), undefined);
  world.want(requestRun(must(world.record), "running"));
  assert.equal(settle(world), undefined);
  assert.deepEqual(world.route, { kind: "open", generation: 1 });
});

test("an uninstall waits after a failure, and neither for one of before it nor with what it does to a change", () => {
  for (const phase of [undefined, "fetching", "saving", "starting"] as const) {
    const world = installed();
    const earlier = { code: "not-started", detail: "", nextStep: "", count: 9, retryAtMs: world.nowMs + 1e6 } as const;
    const record = { ...must(world.record), failure: earlier };
    const asked = requestUpdate(record, wish({ ...stateful, version: 2 }), "s1", world.nowMs);
    world.want(
      requestRemoval(
        phase === undefined ? record : { ...asked, change: { ...must(asked.change), phase, failure: earlier } },
        "t1",
      ),
    );
    for (let tries = 1; tries <= 5; tries += 1) {
      const plan = decide(must(world.record), world.observe(), world.nowMs);
      assert.ok(plan.steps.length > 0);
      world.run(plan, (step) => (step.do === "remove" ? { code: "not-stopped", detail: "", nextStep: "" } : "done"));
      assert.equal(world.record?.failure?.count, tries);
      assert.equal(world.record.change?.phase, phase);
      assert.equal(world.record.change?.failure, undefined);
      const { steps, waiting } = decide(world.record, world.observe(), world.nowMs);
      assert.deepEqual(steps, []);
      assert.ok(waiting?.for === "retry");
      world.nowMs = waiting.atMs;
    }
    settle(world);
    assert.equal(world.record, undefined);
    assert.ok(world.trash);
  }
});

test("the copy an app came back from the trash with goes once the app is up, and one that is needed stays", () => {
  const world = installed();
  world.sick.add(2);
  world.want(requestUpdate(must(world.record), wish({ ...stateful, version: 2 }), "s1", world.nowMs));
  for (let round = 0; round < 3; round += 1) world.run(decide(must(world.record), world.observe(), world.nowMs), done);
  world.want(requestRemoval(must(world.record), "t1"));
  settle(world);
  const trash = must(world.trash);
  assert.equal(trash.placed, "s1");
  const kept = {
    id: "s1",
    generation: trash.generation,
    takenAtMs: 0,
    cause: "backup",
    volumes: ["data", "cache"],
  } as const;
  const committed = (one: typeof trash) =>
    recordAfter(requestTrashRestore(one, undefined, world.nowMs), { type: "committed" });
  assert.deepEqual(committed({ ...trash, backups: [kept] }).discarded, []);
  const rollback = { generation: trash.generation, snapshot: kept };
  assert.deepEqual(committed({ ...trash, rollback }).discarded, []);
  world.want(requestTrashRestore(trash, undefined, world.nowMs));
  assert.equal(settle(world), undefined);
  assert.deepEqual([...world.snapshots.keys()], []);
  assert.deepEqual(world.record?.discarded, []);
});

const one: ManifestWish = { version: 1, volumes: { data: "stop" } };
const withMore = (version: number, sideBySide = false): ManifestWish => ({
  version,
  sideBySide,
  volumes: { data: sideBySide ? "live" : "stop", more: "live" },
});
/** Takes so many steps of the change under way, and ends in the next one. */
function cutOff(world: AppWorld, steps: number, end: Outcome | "crash" | "reboot"): void {
  let left = steps;
  while (world.record?.change !== undefined) {
    world.run(decide(world.record, world.observe(), world.nowMs), () => (left-- === 0 ? end : "done"));
    if (left < 0) return;
  }
}

/** The highest version that wrote to a volume before the one the change leads to first starts; then it goes on to its end. */
function foundBy(world: AppWorld, volume: string): number {
  const found: number[] = [];
  while (found.length === 0) {
    const record = must(world.record);
    const { to } = must(record.change);
    world.run(decide(record, world.observe(), world.nowMs), (step) => {
      if (step.do === "start" && step.generation === to.number) found.push(must(world.volumes.get(volume)).version);
      return "done";
    });
  }
  settle(world);
  return must(found[0]);
}

test("a volume that only the new version has goes with an update that is undone, and the next try finds it empty", () => {
  for (const sideBySide of [false, true]) {
    for (const end of ["crash", "half", "reboot"] as const) {
      for (let at = 0; at < 120; at += 1) {
        const world = installed({ ...one, sideBySide, volumes: { data: sideBySide ? "live" : "stop" } });
        world.sick.add(2);
        world.want(requestUpdate(must(world.record), wish(withMore(2, sideBySide)), "s1", world.nowMs));
        cutOff(world, Math.floor(at / 2), end);
        const isRemoved = at % 2 === 1 && world.record?.change !== undefined;
        if (isRemoved) {
          world.want(requestRemoval(must(world.record), "t1"));
          settle(world);
          world.want(requestTrashRestore(must(world.trash), undefined, world.nowMs));
        }
        assert.equal(settle(world), undefined);
        assert.deepEqual([...world.volumes.keys()], ["data"]);
        assert.deepEqual(world.record?.volumes, ["data"]);
        world.want(requestUpdate(must(world.record), wish(withMore(3, sideBySide)), "s2", world.nowMs));
        assert.equal(foundBy(world, "more"), 0);
        assert.equal(world.record.current?.manifest.version, "3");
        assert.ok(world.acknowledged.isSubsetOf(world.live()));
      }
    }
  }
});

test("what a change would make and what was there already, recorded or not, are told apart", () => {
  const world = installed(one);
  world.volumes.set("more", { writes: new Set([77]), version: 1, torn: false });
  world.sick.add(2);
  world.want(requestUpdate(must(world.record), wish(withMore(2)), "s1", world.nowMs));
  settle(world);
  assert.ok(world.volumes.get("more")?.writes.has(77));
});

test("a rollback takes volumes the version before lacks into its copy, and neither way do they stay or get lost", () => {
  for (const end of ["crash", "half", "reboot"] as const) {
    for (let at = 0; at < 240; at += 1) {
      const world = installed(one);
      world.want(requestUpdate(must(world.record), wish(withMore(2)), "s1", world.nowMs));
      settle(world);
      world.write();
      const late = new Set(must(world.volumes.get("more")).writes);
      assert.ok(late.size > 0);
      world.want(requestRollback(must(world.record), "s2", world.nowMs));
      cutOff(world, Math.floor(at / 4), end);
      if (at % 2 === 1 && world.record?.change !== undefined) {
        world.want(requestRemoval(must(world.record), "t1"));
        settle(world);
        world.want(requestTrashRestore(must(world.trash), undefined, world.nowMs));
        settle(world);
        assert.equal(world.record.current?.manifest.version, "2");
        assert.ok(late.isSubsetOf(must(world.volumes.get("more")).writes));
        continue;
      }
      settle(world);
      assert.deepEqual([...world.volumes.keys()], ["data"]);
      assert.deepEqual(world.record?.volumes, ["data"]);
      if (at % 4 === 0) {
        world.want(requestUpdate(must(world.record), wish(withMore(3)), "s3", world.nowMs));
        assert.equal(foundBy(world, "more"), 0);
        continue;
      }
      world.want(requestRollback(must(world.record), "s3", world.nowMs));
      settle(world);
      assert.ok(late.isSubsetOf(must(world.volumes.get("more")).writes));
    }
  }
});

test("a rollback that fails brings back the volumes only the current version has", () => {
  const world = installed(one);
  world.want(requestUpdate(must(world.record), wish(withMore(2)), "s1", world.nowMs));
  settle(world);
  world.write();
  const before = new Set(world.acknowledged);
  world.sick.add(1);
  world.want(requestRollback(must(world.record), "s2", world.nowMs));
  settle(world);
  assert.equal(world.record?.current?.manifest.version, "2");
  assert.ok(before.isSubsetOf(must(world.volumes.get("more")).writes.union(must(world.volumes.get("data")).writes)));
  assert.deepEqual([...must(world.record).volumes].toSorted(), ["data", "more"]);
});

/** With a backup of its data, and written to since. */
function backedUp(manifest: ManifestWish = stateful): AppWorld {
  const world = installed(manifest);
  world.want(requestBackup(must(world.record), "b1", world.nowMs));
  assert.equal(settle(world), undefined);
  world.write();
  return world;
}

test("an app whose data is missing is brought back by a backup, whichever volumes are gone", () => {
  for (const gone of [["data"], ["cache"], ["data", "cache"]]) {
    const world = backedUp();
    for (const name of gone) world.volumes.delete(name);
    world.crash(true);
    world.acknowledged.clear();
    assert.equal(settle(world)?.for, "owner");
    world.want(requestRestore(must(world.record), "b1", "s1", world.nowMs));
    assert.equal(settle(world), undefined);
    const { current, change, volumes } = must(world.record);
    assert.deepEqual([current?.number, change, [...volumes].sort()], [2, undefined, ["cache", "data"]]);
    for (const name of ["data", "cache"])
      assert.ok(
        [...must(must(world.snapshots.get("b1")).contents.get(name)).writes].every((one) =>
          must(world.volumes.get(name)).writes.has(one),
        ),
      );
  }
});

test("an app that went into the trash while a restore brought back what was missing comes back with what its copy has, or takes a backup", () => {
  const found = new Set<string>();
  for (let at = 0; at < 24; at += 1) {
    const world = backedUp();
    const cached = new Set(must(world.volumes.get("cache")).writes);
    world.volumes.delete("data");
    world.crash(true);
    world.acknowledged.clear();
    world.want(requestRestore(must(world.record), "b1", "s1", world.nowMs));
    cutOff(world, at, "crash");
    if (world.record?.change === undefined) break;
    const { phase } = world.record.change;
    world.want(requestRemoval(world.record, "t1"));
    settle(world);
    const trash = must(world.trash);
    if (phase === "placing") assert.deepEqual([trash.placed, trash.placedVolumes], ["s1", ["cache"]]);
    world.want(requestTrashRestore(trash, undefined, world.nowMs));
    const waiting = settle(world);
    assert.ok(cached.isSubsetOf(must(world.volumes.get("cache")).writes));
    if (waiting === undefined) continue;
    assert.ok(waiting.for === "owner" && waiting.failure.code === "data-missing");
    found.add(phase);
    assert.throws(() => requestRestore(must(world.record), "b1", "s2", world.nowMs), { code: "app-not-installed" });
    world.want(requestRestore(must(world.record), "b1", "s2", world.nowMs, true));
    assert.equal(settle(world), undefined, `${at} ${phase}`);
    assert.deepEqual([...world.volumes.keys()].toSorted(), ["cache", "data"]);
  }
  assert.deepEqual([...found].toSorted(), ["fetching", "placing", "saving", "starting"]);
});

test("a version or a backup that comes back has no grant again that was taken back since", () => {
  const record = must(backedUp().record);
  const current = must(record.current);
  const internet = { kind: "internet", reason: { en: "To fetch" }, required: false } as const;
  const agreed = { ...current, manifest: { ...current.manifest, grants: [internet] }, grants: ["internet"] as const };
  const taken: AppPlanRecord = {
    ...record,
    current: { ...agreed, grants: [] },
    rollback: { generation: agreed, snapshot: undefined },
    backups: record.backups.map((kept) => ({ ...kept, generation: agreed })),
  };
  assert.deepEqual(requestRollback(taken, "s1", 0).change?.to.grants, []);
  assert.deepEqual(requestRestore(taken, "b1", "s1", 0).change?.to.grants, []);
  const form = { generation: agreed, backup: "a", volumes: [] };
  assert.deepEqual(requestRestoreFromBackup(taken, form, { copy: "c", safety: "s1" }, 0).change?.to.grants, []);
  const still = { ...taken, current: agreed };
  assert.deepEqual(requestRollback(still, "s1", 0).change?.to.grants, ["internet"]);
});

test("a restore for missing data that fails leaves it missing, and makes nothing in its place", () => {
  const world = backedUp();
  world.volumes.delete("data");
  world.crash(true);
  world.acknowledged.clear();
  world.sick.add(1);
  world.want(requestRestore(must(world.record), "b1", "s1", world.nowMs));
  const { record } = world;
  for (let round = 0; round < 40 && must(world.record).change !== undefined; round += 1) {
    const { steps, waiting } = decide(must(world.record), world.observe(), world.nowMs);
    if (waiting?.for === "retry") world.nowMs = waiting.atMs;
    world.run({ steps, waiting }, ({ do: what }) => (what === "probe" ? notHealthy : "done"));
  }
  assert.notEqual(record, world.record);
  assert.equal(world.volumes.has("data"), false);
  const plan = decide(must(world.record), world.observe(), world.nowMs);
  assert.ok(plan.waiting?.for === "owner" && plan.waiting.failure.code === "data-missing");
});

test("an update that waits for missing data gives way to a restore", () => {
  const world = backedUp();
  world.volumes.delete("data");
  world.crash(true);
  world.acknowledged.clear();
  world.want(requestUpdate(must(world.record), wish({ ...stateful, version: 2 }), "s1", world.nowMs));
  assert.equal(settle(world)?.for, "owner");
  assert.equal(must(world.record).change?.phase, "saving");
  assert.throws(() => requestRestore(must(world.record), "b1", "s2", world.nowMs), { code: "app-busy" });
  world.want(requestRestore(must(world.record), "b1", "s2", world.nowMs, true));
  assert.equal(settle(world), undefined);
  assert.equal(must(world.record).current?.manifest.version, "1");
  assert.equal(world.snapshots.has("s1"), false);
});

test("an update that cannot be undone, since its copy is gone, gives way to a restore, and the version before never runs on data that is not its own", () => {
  const world = backedUp();
  world.want(requestUpdate(must(world.record), wish({ ...stateful, version: 2 }), "s1", world.nowMs));
  const change = must(must(world.record).change);
  world.want({ ...must(world.record), change: { ...change, phase: "undoing", cause: undefined } });
  world.acknowledged.clear();
  assert.equal(settle(world)?.for, "owner");
  world.want(requestRestore(must(world.record), "b1", "s2", world.nowMs, true));
  const fetching = decide(must(world.record), world.observe(), world.nowMs);
  assert.ok(!stepNames(fetching.steps).some((name) => /^(?:start|create|probe)/.test(name)));
  // Cut off or failed, it waits for its owner again.
  const abandoned = recordAfter(must(world.record), { type: "abandoned" });
  assert.equal(decide(abandoned, world.observe(), world.nowMs).waiting?.for, "owner");
  // Nothing but data takes its place, and what does is as unsaved.
  assert.throws(() => requestUpdate(must(world.record), wish({ ...stateful, version: 3 }), "s3", world.nowMs), {
    code: "app-busy",
  });
  const other = requestRestore(must(world.record), "b1", "s3", world.nowMs);
  assert.deepEqual([other.change?.unsaved, other.change?.safety], ["s1", undefined]);
  // Out of the trash it starts from the copy that is gone, which is to say not at all.
  const removed = requestRemoval(other, "t1");
  assert.equal(trashOf(removed, ["data"], world.nowMs)?.placed, "s1");
  assert.equal(settle(world), undefined);
  assert.equal(must(world.record).current?.manifest.version, "1");
  assert.equal(must(world.record).change, undefined);
});

test("a change of permissions waits for missing data where a restore can take its place", () => {
  const world = backedUp();
  world.volumes.delete("data");
  world.crash(true);
  world.acknowledged.clear();
  const current = must(must(world.record).current);
  world.want({ ...must(world.record), current: { ...current, grants: ["internet"] } });
  world.want(requestConfigure(must(world.record), { grants: [], settings: {} }, "s1", world.nowMs));
  assert.equal(must(world.record).change?.safety, undefined);
  assert.equal(settle(world)?.for, "owner");
  world.want(requestRestore(must(world.record), "b1", "s2", world.nowMs, true));
  assert.equal(settle(world), undefined);
  assert.ok(world.volumes.has("data"));
});
