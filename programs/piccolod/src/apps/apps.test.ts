import assert from "node:assert/strict";
import { test } from "node:test";
import { engineFaults } from "@piccolo/storage/owner";
import { diskFaults } from "@piccolo/storage/ports";
import { checkManifest } from "@piccolo/app-manifest";
import { Fault } from "@piccolo/fault";
import { AppDevice, manifestText, untold } from "../../test-support/app-device.ts";
import type { MemoryRuntime } from "../../test-support/memory-runtime.ts";
import { leastFreeBytes } from "./admission.ts";
import { missesMax } from "./health-watch.ts";
import { lastLinesMax } from "./last-words.ts";
import { networkTriesMax } from "./record.ts";
import type { ContainerState } from "./runtime/container-runtime.ts";
import { runtimeFaults } from "./runtime/faults.ts";
import { troubleOf } from "./views.ts";

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));
const wordOf = (device: AppDevice) => device.appStore.secretsOf(device.apps.get("shelf"))["WORD"];

test("where an app cannot be ended, the rules that keep it apart stay", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  assert.ok(device.isFiltered);
  device.runtime.isAway = true;
  await device.stop();
  assert.ok(device.isFiltered);
  device.runtime.isAway = false;
  device.start();
  await device.apps.openRoute("shelf");
  await device.stop();
  assert.ok(!device.isFiltered);
});

test("an app that is being stopped and does not end keeps no other one from ending in order", async (context) => {
  const device = AppDevice.start(context);
  for (const app of ["shelf", "other"]) await device.install(app);
  const stop = device.runtime.stop.bind(device.runtime);
  const [told, isEnding] = [new Array<string>(), Promise.withResolvers<void>()];
  device.runtime.stop = async (name, graceMsMax) => {
    told.push(name);
    if (name === "shelf.web.1") await isEnding.promise;
    await stop(name, graceMsMax);
  };
  device.apps.run("shelf", "stopped");
  while (told.length === 0) await turn();
  const stopped = device.stop();
  while (!told.includes("other.web.1")) await turn();
  isEnding.resolve();
  await stopped;
  assert.ok(!device.isFiltered);
});

for (const hasData of [true, false]) {
  test(`a password that the app does not come up with is the former one again, ${hasData ? "with" : "without"} data`, async (context) => {
    const device = AppDevice.start(context);
    await device.install("shelf", { hasPassword: true, hasData });
    const [before] = await device.runtime.containers();
    const seen: (string | undefined)[] = [];
    device.storage.snapshotGate = async () => void seen.push(wordOf(device));
    device.health = 500;
    device.apps.configure("shelf", { settings: { WORD: "second" } });
    await assert.rejects(
      device.apps.settled("shelf", () => {
        if (device.apps.get("shelf").record.change?.phase === "starting") device.world.aheadMs += 600_000;
        if (device.apps.get("shelf").record.change === undefined) device.health = 200;
      }),
      { code: "not-healthy" },
    );
    device.health = 200;
    await device.apps.openRoute("shelf");
    assert.equal(wordOf(device), "first");
    assert.deepEqual(seen, hasData ? ["first"] : []);
    const [after] = await device.runtime.containers();
    assert.equal(after?.labels["piccolo.spec"], before?.labels["piccolo.spec"], "it runs as before");
  });
}

test("a password is the app's once the app has come up with it, also where that is cut off", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf", { hasPassword: true });
  const [before] = await device.runtime.containers();
  device.storage.snapshotFault = engineFaults.fault("version-busy", "the power is gone");
  device.apps.configure("shelf", { settings: { WORD: "second" } });
  while (device.apps.get("shelf").record.change?.failure === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await device.restart();
  assert.equal(wordOf(device), "first");
  device.world.aheadMs += 60_000;
  device.apps.wake();
  await device.apps.settled("shelf", () => undefined);
  assert.equal(wordOf(device), "second");
  const [after] = await device.runtime.containers();
  assert.notEqual(after?.labels["piccolo.spec"], before?.labels["piccolo.spec"]);
  assert.equal(device.apps.get("shelf").record.change, undefined);
});

test("a visit goes to no address that is not the app's own container's any more", async (context) => {
  const device = AppDevice.start(context);
  for (const app of ["shelf", "other"]) await device.install(app);
  const { containerId, address } = await device.apps.openRoute("shelf");
  const { runtime } = device;
  const find = runtime.container.bind(runtime);
  const own = (await find("shelf.web.1")) ?? assert.fail("it runs");
  const others = (await find("other.web.1")) ?? assert.fail("it runs");
  assert.deepEqual([containerId, Object.values(own.addresses)], [own.id, [address]]);
  const instead: Readonly<Record<string, ContainerState | undefined>> = {
    "gone, and whoever has its address now is no app": undefined,
    "ended, with its address given back": { ...own, phase: "stopped", addresses: {} },
    "at another address": { ...own, addresses: others.addresses },
    "another app's": { ...own, labels: others.labels },
    "in none of the app's networks": { ...own, addresses: { elsewhere: address } },
  };
  for (const [how, state] of Object.entries(instead)) {
    runtime.container = async (name) => (name === "shelf.web.1" ? state : find(name));
    const asked = device.apps.openRoute("shelf");
    device.world.aheadMs += 61_000;
    await assert.rejects(asked, { code: "app-not-running" }, how);
    assert.equal((await device.apps.openRoute("other")).containerId, others.id);
  }
  runtime.container = find;
  assert.equal((await device.apps.openRoute("shelf")).containerId, own.id);
});

test("while an uninstalled app's data goes, which takes long, another one is started again and updated", async (context) => {
  const device = AppDevice.start(context);
  for (const app of ["gone", "shelf"]) await device.install(app);
  device.apps.remove("gone");
  await device.apps.settled("gone", () => undefined);
  const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  device.storage.purgeTrash = () => {
    begun.resolve();
    return ended.promise;
  };
  device.apps.purge(device.apps.trash()[0]?.trash.id ?? "");
  device.apps.wake();
  await begun.promise;
  device.runtime.end("shelf.web.1", 1);
  while ((await device.runtime.container("shelf.web.1"))?.phase !== "running") await turn();
  const manifest = device.manifest("shelf", { version: "2" });
  device.apps.update("shelf", { manifest, grants: [], catalog: undefined });
  await device.apps.settled("shelf", () => undefined);
  assert.equal(device.apps.get("shelf").record.current?.manifest.version, "2");
  ended.resolve();
});

test("an app whose state cannot be found out holds up no other one", async (context) => {
  const device = AppDevice.start(context);
  await device.install("puzzle");
  device.runtime.puzzling.add("puzzle.web.1");
  await device.install("shelf");
  device.apps.run("shelf", "stopped");
  await device.apps.settled("shelf", () => undefined);
  assert.equal((await device.runtime.container("puzzle.web.1"))?.phase, "running");
});

test("an app that answers and ends, again and again, is started ever more seldom, and at once when it is asked for", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf", { hasData: false });
  const failure = () => device.apps.get("shelf").record.failure;
  const ends = async (): Promise<void> => {
    while ((await device.runtime.container("shelf.web.1"))?.phase !== "running") {
      if (failure() !== undefined) return;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    device.runtime.end("shelf.web.1", 1);
    device.apps.wake();
    await new Promise((resolve) => setTimeout(resolve, 1));
  };
  for (let round = 0; round < 20 && failure() === undefined; round++) await ends();
  assert.equal(failure()?.code, "not-started");
  assert.equal(failure()?.count, 1);
  await assert.rejects(device.apps.openRoute("shelf"), { code: "app-not-running" });
  device.world.aheadMs += 3_000;
  device.apps.wake();
  while (failure() !== undefined) await new Promise((resolve) => setTimeout(resolve, 1));
  await ends();
  while (failure() === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(failure()?.count, 2);
  device.apps.run("shelf", "running");
  await device.apps.openRoute("shelf");
});

test("neither an install nor an update begins without room for its images", async (context) => {
  const device = AppDevice.start(context);
  const { manifest } = checkManifest(manifestText("shelf"));
  assert.ok(manifest);
  const wish = { manifest, grants: [], settings: {} };
  device.storage.free = leastFreeBytes + 999;
  assert.throws(() => device.apps.install(wish, 1_000), { code: "no-room" });
  await device.install("shelf");
  assert.throws(() => device.apps.update("shelf", wish, 1_000), { code: "no-room" });
  // The copy of its data counts; that of what is in no backup does not, since none is made.
  device.write("shelf", "x".repeat(1_000));
  assert.throws(() => device.apps.update("shelf", wish), { code: "no-room" });
  device.write("shelf", "x".repeat(999));
  device.apps.update("shelf", wish);
  await device.apps.settled("shelf", () => undefined);
});

test("what the volumes of an app may still take is promised to it, and an app for which nothing is left does not begin", async (context) => {
  const device = AppDevice.start(context);
  const { storage } = device;
  const gibibyte = 1024 ** 3;
  storage.free = 8 * gibibyte;
  for (const app of ["shelf", "other"]) await device.install(app);
  assert.deepEqual(storage.promisedBytes(), { shelf: 2 * gibibyte, other: 1.5 * gibibyte });
  storage.free = 16 * gibibyte;
  // Each is told what the other one was promised a moment ago.
  await Promise.all(["both", "together"].map((app) => device.install(app)));
  const promised = storage.promisedBytes();
  const { both = 0, together = 0 } = promised;
  assert.ok(both + together < 2 * (12.5 / 4) * gibibyte);
  storage.free = Object.values(promised).reduce((sum, bytes) => sum + bytes);
  await assert.rejects(device.install("third"), { code: "room-promised", message: /other apps.*remove/ });
  assert.deepEqual(storage.promisedBytes(), promised);
  // What was promised to another one in the meantime.
  device.runtime.pullGate = async () => void (storage.free -= leastFreeBytes);
  storage.free += leastFreeBytes;
  await assert.rejects(device.install("third", { version: "3" }), { code: "disk-full" });
  assert.deepEqual(storage.volumesOf("third"), []);
  assert.deepEqual(storage.promisedBytes(), promised);
});

test("a volume made on a full disk grows at the next start, by an update, and while it runs when it is nearly full", async (context) => {
  const device = AppDevice.start(context);
  const { storage, apps } = device;
  const mebibyte = 1024 ** 2;
  const settled = () => apps.settled("shelf", () => undefined);
  const bounds = (): Readonly<Record<string, number>> => storage.boundBytes("shelf");
  storage.free = leastFreeBytes;
  await device.install("shelf");
  assert.deepEqual(bounds(), { data: 64 * mebibyte, cache: 64 * mebibyte });
  storage.free = 8 * leastFreeBytes;
  apps.run("shelf", "stopped");
  await settled();
  assert.deepEqual(bounds(), { data: 64 * mebibyte, cache: 64 * mebibyte });
  // What cannot be raised now keeps nothing from its start.
  storage.raiseFault = diskFaults.fault("disk-full", "the disk is full");
  apps.run("shelf", "running");
  await settled();
  assert.deepEqual(bounds(), { data: 64 * mebibyte, cache: 256 * mebibyte });
  storage.free = 4 * leastFreeBytes;
  apps.update("shelf", { manifest: device.manifest("shelf", { version: "2" }), grants: [] });
  await settled();
  assert.deepEqual(bounds(), { data: 128 * mebibyte, cache: 256 * mebibyte });
  storage.free = 16 * leastFreeBytes;
  apps.wake();
  await settled();
  assert.deepEqual(bounds(), { data: 128 * mebibyte, cache: 256 * mebibyte });
  device.write("shelf", Buffer.alloc(112 * mebibyte));
  apps.wake();
  while (bounds()["data"] === 128 * mebibyte) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(bounds(), { data: 526 * mebibyte, cache: 526 * mebibyte });
  // Never lowered.
  storage.free = leastFreeBytes;
  apps.run("shelf", "stopped");
  apps.run("shelf", "running");
  await settled();
  assert.deepEqual(bounds(), { data: 526 * mebibyte, cache: 526 * mebibyte });
});

test("an update whose new volume finds all room promised to other apps does not begin", async (context) => {
  const device = AppDevice.start(context);
  const { storage, apps } = device;
  storage.free = 8 * leastFreeBytes;
  await device.install("shelf", { hasData: false });
  await device.install("other");
  storage.free = storage.promisedBytes()["other"] ?? 0;
  const manifest = device.manifest("shelf", { version: "2" });
  const update = (): void => apps.update("shelf", { manifest, grants: [] });
  assert.throws(update, { code: "room-promised" });
  storage.free += leastFreeBytes;
  update();
  await apps.settled("shelf", () => undefined);
});

test("no change begins without room for the copies of the data that it makes", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf", { hasPassword: true });
  const { apps, storage } = device;
  const settled = () => apps.settled("shelf", () => undefined);
  device.write("shelf", "x".repeat(1_000));
  const next = manifestText("shelf", { version: "2", hasPassword: true });
  const { manifest } = checkManifest(next);
  assert.ok(manifest);
  register(device, { manifest });
  apps.update("shelf", { manifest, grants: [] });
  await settled();
  apps.backUp("shelf");
  await settled();
  const [kept = assert.fail("a backup is here")] = apps.get("shelf").record.backups;
  await device.backUp("shelf");
  const inNetwork = device.newest("shelf").id;

  const lacksRoom = { code: "no-room" };
  storage.free = leastFreeBytes + 999;
  assert.throws(() => apps.configure("shelf", { settings: { WORD: "second" } }), lacksRoom);
  assert.throws(() => apps.rollBack("shelf"), lacksRoom);
  assert.throws(() => apps.restore("shelf", kept.id), lacksRoom);
  await assert.rejects(device.restore(inNetwork), lacksRoom);
  // What cannot be at all is told first.
  assert.throws(() => apps.restore("shelf", "another"), { code: "snapshot-not-found" });
  const { change, lastGeneration } = apps.get("shelf").record;
  assert.deepEqual([change, lastGeneration], [undefined, 2]);
  assert.equal(wordOf(device), "first");

  storage.free = leastFreeBytes + 1_000;
  await assert.rejects(device.restore(inNetwork), lacksRoom, "what is fetched needs room beside the copy");
  apps.configure("shelf", { settings: { WORD: "second" } });
  await settled();
  assert.equal(wordOf(device), "second");
  apps.restore("shelf", kept.id);
  await settled();
  apps.rollBack("shelf");
  await settled();
  storage.free = 1e12;
  await device.restore(inNetwork);
  assert.equal(device.read("shelf").length, 1_000);
});

test("a change that copies no data and brings nothing needs no room: a full disk keeps nobody from it", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf", { hasData: false, hasPassword: true });
  device.storage.free = 0;
  device.apps.configure("shelf", { settings: { WORD: "second" } });
  await device.apps.settled("shelf", () => undefined);
  assert.equal(wordOf(device), "second");
  const { manifest } = checkManifest(manifestText("shelf", { hasData: false, version: "2" }));
  assert.ok(manifest);
  assert.throws(() => device.apps.update("shelf", { manifest, grants: [] }), { code: "no-room" });
});

test("a grant is taken back without a copy of the data, so that a full disk keeps nobody from it", async (context) => {
  const device = AppDevice.start(context);
  const { apps, storage } = device;
  await device.install("shelf", { publicPaths: ["/share/*"], hasPassword: true });
  device.write("shelf", "x".repeat(1_000));
  storage.free = 0;
  const copies: string[] = [];
  storage.snapshotGate = async (app) => void copies.push(app);
  // What lets the app do more, or something else, begins with a copy as ever.
  assert.throws(() => apps.configure("shelf", { grants: [], settings: { WORD: "second" } }), { code: "no-room" });
  assert.deepEqual(apps.get("shelf").record.current?.grants, ["public-paths"]);
  apps.configure("shelf", { grants: [] });
  await apps.settled("shelf", () => undefined);
  assert.deepEqual(apps.get("shelf").record.current?.grants, []);
  assert.deepEqual([copies, [...storage.snapshots()]], [[], []]);
  assert.equal(device.read("shelf").length, 1_000);
  assert.throws(() => apps.configure("shelf", { grants: ["public-paths"] }), { code: "no-room" });
});

test("an app that does not come up without a grant has it back, and all of its data", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf", { publicPaths: ["/share/*"] });
  device.health = 500;
  device.apps.configure("shelf", { grants: [] });
  await assert.rejects(
    device.apps.settled("shelf", () => {
      const { change } = device.apps.get("shelf").record;
      if (change?.phase === "starting") {
        device.write("shelf", "written meanwhile");
        device.world.aheadMs += 600_000;
      }
      if (change === undefined) device.health = 200;
    }),
    { code: "not-healthy" },
  );
  device.health = 200;
  await device.apps.openRoute("shelf");
  assert.deepEqual(device.apps.get("shelf").record.current?.grants, ["public-paths"]);
  assert.equal(device.read("shelf").toString(), "written meanwhile");
});

const settles = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 1));
};

test("an app that hangs while it runs is told, and started again; another one is not delayed", async (context) => {
  const device = AppDevice.start(context);
  device.healthEveryMs = 30;
  await device.restart();
  await device.install("shelf");
  await device.install("other");
  const { address } = await device.apps.openRoute("shelf");
  const before = await device.runtime.container("shelf.web.1");
  const record = (id: string) => device.apps.get(id).record;
  device.hanging.add(address);
  await settles(() => record("shelf").failure !== undefined);
  const { code, detail, nextStep, count } = record("shelf").failure ?? {};
  assert.deepEqual([code, count], ["not-answering", 1]);
  assert.match(detail ?? "", /did not answer any more/);
  assert.match(nextStep ?? "", /log/);
  await device.apps.openRoute("other");
  assert.equal(record("other").failure, undefined);
  device.hanging.clear();
  await device.apps.openRoute("shelf");
  assert.notEqual((await device.runtime.container("shelf.web.1"))?.startedAtMs, before?.startedAtMs);
  // The owner is told until it has gone on answering.
  await settles(() => record("shelf").failure === undefined);
  assert.equal(record("other").failure, undefined);
});

test("an app that hangs each time it was started again is started ever more seldom, also after a restart of the device", async (context) => {
  const device = AppDevice.start(context);
  device.healthEveryMs = 10;
  await device.restart();
  await device.install("shelf");
  const failure = () => device.apps.get("shelf").record.failure;
  const { address } = await device.apps.openRoute("shelf");
  device.hanging.add(address);
  await settles(() => failure()?.count === 2);
  assert.ok((failure()?.retryAtMs ?? 0) > device.world.nowMs(), "it waits before it is started again");
  await assert.rejects(device.apps.openRoute("shelf"), { code: "app-not-running" });
  await device.restart();
  assert.equal(failure()?.count, 2);
  device.world.aheadMs += 60_000;
  device.apps.wake();
  await settles(() => failure()?.count === 3);
});

test("who follows an app that does not get well hears when nothing more is to be followed", async (context) => {
  const device = AppDevice.start(context);
  device.healthEveryMs = 10;
  await device.restart();
  await device.install("shelf");
  const { address } = await device.apps.openRoute("shelf");
  device.hanging.add(address);
  await settles(() => (device.apps.get("shelf").record.failure?.count ?? 0) === 2);
  const cancel = new AbortController();
  const following = device.apps.settled("shelf", () => undefined, cancel.signal);
  cancel.abort(new Error("the device stops"));
  await assert.rejects(following, { message: "the device stops" });
});

test("a health check that fails while the app runs counts like a page that does not answer", async (context) => {
  const device = AppDevice.start(context);
  device.healthEveryMs = 10;
  await device.restart();
  await device.install("shelf", { hasCheck: true });
  device.runtime.unwell.add("shelf.web.1");
  const failure = () => device.apps.get("shelf").record.failure;
  await settles(() => failure() !== undefined);
  assert.match(failure()?.detail ?? "", /part "web"/);
  device.runtime.unwell.clear();
  await settles(() => failure() === undefined);
});

test("a check that cannot be run, as on a full disk, says nothing of the app, and it is asked again", async (context) => {
  const device = AppDevice.start(context);
  device.healthEveryMs = 10;
  await device.restart();
  await device.install("shelf", { hasCheck: true });
  const { runtime } = device;
  const exec: MemoryRuntime["exec"] = runtime.exec.bind(runtime);
  let refused = 0;
  runtime.exec = () => {
    refused += 1;
    return Promise.reject(diskFaults.fault("disk-full", "there is no room left for apps"));
  };
  await settles(() => refused > missesMax);
  assert.equal(device.apps.get("shelf").record.failure, undefined);
  runtime.exec = exec;
  runtime.unwell.add("shelf.web.1");
  await settles(() => device.apps.get("shelf").record.failure !== undefined);
});

const speaking = (version: string, says: string) => {
  const text = manifestText("shelf", { version }).replace(
    "    environment",
    `    command: [sh, -c, "${says}"]\n    environment`,
  );
  const { manifest, problems } = checkManifest(text.replace("port: 80", "port: 80, start-time: 1s"));
  assert.ok(manifest, JSON.stringify(problems));
  return { manifest, grants: [], settings: {} };
};

function register(device: AppDevice, { manifest }: Pick<ReturnType<typeof speaking>, "manifest">): void {
  for (const { image } of manifest.services) {
    device.runtime.registry.set(image.digest, { digest: image.digest, architecture: "amd64", sizeBytes: 1, user: "" });
  }
}

/** Its time to answer passes at once. */
async function givenUp(device: AppDevice): Promise<void> {
  device.health = 500;
  await assert.rejects(
    device.apps.settled("shelf", () => {
      if (device.apps.get("shelf").record.change?.phase === "starting") device.world.aheadMs += 600_000;
      if (device.apps.get("shelf").record.current !== undefined) device.health = 500;
    }),
    { code: "not-healthy" },
  );
  device.health = 200;
}

test("what a version said that did not come up is told after its containers are gone", async (context) => {
  const device = AppDevice.start(context);
  const first = speaking("1", "echo no key was found; echo it ends here >&2");
  register(device, first);
  device.apps.install(first);
  await givenUp(device);
  assert.deepEqual(await device.runtime.containers(), []);
  const said = () => {
    const [look = assert.fail("it is there")] = device.apps.look();
    return troubleOf(look.app.record, look.lane.waiting)?.said?.map(({ service, stream, text }) => [
      service,
      stream,
      text,
    ]);
  };
  assert.deepEqual(said(), [
    ["web", "out", "no key was found"],
    ["web", "err", "it ends here"],
  ]);
  await device.restart();
  assert.equal(said()?.length, 2, "it is kept like the failure");
  device.apps.run("shelf", "running");
  await device.apps.settled("shelf", () => undefined);
  assert.equal(said(), undefined);

  const second = speaking("2", Array.from({ length: 300 }, (_, at) => `echo ${at}`).join("; "));
  register(device, second);
  device.apps.update("shelf", second);
  await givenUp(device);
  await device.apps.openRoute("shelf");
  assert.equal(device.apps.get("shelf").record.current?.manifest.version, "1");
  assert.equal(said()?.length, lastLinesMax);
  assert.deepEqual(said()?.at(-1), ["web", "out", "299"]);
});

test("a device that an app does not fit takes it from nowhere, and changes nothing", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.write("shelf", "all my books");
  await device.backUp("shelf");
  const { id } = device.newest("shelf");
  const { manifest } = checkManifest(manifestText("other"));
  assert.ok(manifest);
  device.unsuited = { reason: "needs-newer-os", detail: "It needs release 9.0.0; this is 1.0.0." };
  const refused = { code: "needs-newer-os" };
  assert.throws(() => device.apps.install({ manifest, grants: [], settings: {} }), refused);
  const { current } = device.apps.get("shelf").record;
  assert.ok(current);
  assert.throws(() => device.apps.update("shelf", { manifest: current.manifest, grants: [] }), refused);
  await assert.rejects(device.restore(id), refused);
  await assert.rejects(device.drills.drill(id, untold), refused);
  assert.equal(device.apps.get("shelf").record.change, undefined);
  device.apps.remove("shelf");
  await device.apps.settled("shelf", () => undefined);
  const [{ trash } = assert.fail("it is in the trash")] = device.apps.trash();
  assert.throws(() => device.apps.restoreFromTrash(trash.id), refused);
  const replacement = device.replacement(context);
  replacement.unsuited = device.unsuited;
  await assert.rejects(replacement.restore(id), refused);
  assert.deepEqual([device.apps.look(), replacement.apps.look()], [[], []]);

  // A name that became the device's own since.
  device.unsuited = replacement.unsuited = undefined;
  device.reservedNames.add("shelf");
  replacement.reservedNames.add("shelf");
  assert.throws(() => device.apps.restoreFromTrash(trash.id), { code: "app-name-reserved" });
  await assert.rejects(replacement.restore(id), { code: "app-name-reserved" });
  device.reservedNames.clear();
  device.apps.restoreFromTrash(trash.id);
  await device.apps.settled("shelf", () => undefined);
  assert.equal(device.read("shelf").toString(), "all my books");
});

test("a version that a device does not fit comes back neither from a copy that lies here nor by a rollback", async (context) => {
  const device = AppDevice.start(context);
  const { apps } = device;
  const settled = () => apps.settled("shelf", () => undefined);
  await device.install("shelf");
  apps.update("shelf", { manifest: device.manifest("shelf", { version: "2" }), grants: [] });
  await settled();
  apps.backUp("shelf");
  await settled();
  const [kept = assert.fail("a backup is here")] = apps.get("shelf").record.backups;
  device.unsuited = { reason: "needs-newer-os", detail: "It needs release 9.0.0; this is 1.0.0." };
  const before = apps.get("shelf");
  assert.throws(() => apps.restore("shelf", kept.id), { code: "needs-newer-os" });
  assert.throws(() => apps.rollBack("shelf"), { code: "needs-newer-os" });
  // What cannot be at all is told first.
  assert.throws(() => apps.restore("shelf", "another"), { code: "snapshot-not-found" });
  assert.deepEqual(apps.get("shelf"), before);
  // What runs here already is copied as before.
  apps.backUp("shelf");
  await settled();
  device.unsuited = undefined;
  apps.restore("shelf", kept.id);
  await settled();
  apps.rollBack("shelf");
  await settled();
});

test("whoever asks before an install hears what the install would be refused for, and nothing else", async (context) => {
  const device = AppDevice.start(context);
  const { manifest } = checkManifest(manifestText("shelf"));
  assert.ok(manifest);
  const codes = (roomBytes = 0) => device.apps.refusals(manifest, roomBytes).map(({ code }) => code);
  const refusal = (roomBytes: number) => {
    try {
      device.apps.install({ manifest, grants: [], settings: {} }, roomBytes);
      return undefined;
    } catch (error) {
      return error instanceof Fault ? error.code : assert.fail(String(error));
    }
  };
  device.reservedNames.add("shelf");
  device.unsuited = { reason: "wrong-architecture", detail: "It has no image for this processor." };
  device.storage.free = leastFreeBytes;
  assert.deepEqual(codes(1), ["app-name-reserved", "wrong-architecture", "no-room"]);
  assert.equal(refusal(1), "app-name-reserved");
  device.reservedNames.clear();
  assert.equal(refusal(1), "wrong-architecture");
  device.unsuited = undefined;
  assert.equal(refusal(1), "no-room");
  assert.deepEqual(codes(0), []);
  assert.equal((await device.apps.imagesHere(manifest))?.size, 0);
  await device.install("shelf");
  assert.deepEqual(codes(0), ["app-name-taken"]);
  assert.equal(refusal(0), "app-name-taken");
  assert.equal((await device.apps.imagesHere(manifest))?.size, 1);
  device.runtime.isAway = true;
  assert.equal(await device.apps.imagesHere(manifest), undefined);
  device.runtime.isAway = false;
});

test("where something else has an app's addresses it gets others, and keeps them", async (context) => {
  const device = AppDevice.start(context);
  const foreign: string[] = [];
  // A network of the home: the first two places that are tried lie in it.
  device.runtime.isForeign = (subnet) => foreign.includes(subnet) || (foreign.length < 2 && foreign.push(subnet) > 0);
  await device.install("shelf");
  const networks = await device.runtime.networks();
  assert.equal(networks.length, 1);
  const { slot, networkSlot } = device.apps.get("shelf");
  assert.notEqual(networkSlot, slot);
  const [before] = await device.runtime.containers();
  await device.restart();
  await device.apps.openRoute("shelf");
  const [after] = await device.runtime.containers();
  assert.deepEqual([after?.id, after?.addresses], [before?.id, before?.addresses]);
  assert.deepEqual(await device.runtime.networks(), networks);
  // Neither place is another app's.
  assert.ok(device.appStore.takenNetworkSlots().isSupersetOf(new Set([slot, networkSlot])));
});

test("where every place is taken the owner hears by what, and a later try succeeds", async (context) => {
  const device = AppDevice.start(context);
  let tries = 0;
  device.runtime.isForeign = () => ++tries > 0;
  const installing = device.install("shelf");
  installing.catch(() => undefined);
  const failure = () => device.apps.get("shelf").record.change?.failure;
  while (failure() === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(tries, networkTriesMax + 1);
  assert.match(failure()?.nextStep ?? "", /another network/);
  device.runtime.isForeign = () => false;
  device.apps.run("shelf", "running");
  await installing;
  await device.apps.openRoute("shelf");
});

test("a registry that gives no more for a while is told as that, and the install goes on by itself once it gives again", async (context) => {
  const device = AppDevice.start(context);
  const pulls = { asked: 0 };
  device.runtime.pullGate = () => {
    pulls.asked += 1;
    return Promise.reject(runtimeFaults.fault("registry-busy", "the registry gives no more for a while"));
  };
  const manifest = device.manifest("shelf");
  device.apps.install({ manifest, grants: [], settings: {} });
  const change = () => device.apps.get("shelf").record.change;
  for (let tries = 1; tries <= 7; tries++) {
    while (change()?.failure?.count !== tries) await turn();
    assert.equal(change()?.failure?.code, "registry-busy");
    assert.match(change()?.failure?.nextStep ?? "", /asks again by itself/);
    device.world.aheadMs += 3_600_000;
    if (tries === 7) device.runtime.pullGate = () => Promise.resolve();
    device.apps.wake();
  }
  await device.apps.settled("shelf", () => undefined);
  await device.apps.openRoute("shelf");
  assert.equal(pulls.asked, 7);
});

test("what the system said of a failed step is kept with it, and nothing of the app's secrets and settings is in it", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf", { hasPassword: true });
  const key = device.appStore.secretsOf(device.apps.get("shelf"))["KEY"] ?? assert.fail();
  const create = device.runtime.create.bind(device.runtime);
  device.runtime.create = () =>
    Promise.reject(
      runtimeFaults.fault("runtime-failed", "what runs the apps could not do it", {
        cause: new Error(
          `crun: exec KEY=${key} network ADMIN_PASSWORD=network device "${key}" /data/apps/shelf: permission denied ${key}`,
        ),
      }),
    );
  device.apps.configure("shelf", { settings: { WORD: "network" } });
  const change = () => device.apps.get("shelf").record.change;
  while (change()?.failure === undefined) await turn();
  const { failure } = change() ?? {};
  assert.deepEqual([failure?.code, failure?.systemSaid], ["not-started", "crun: exec … device … permission denied …"]);
  assert.match(failure?.nextStep ?? "", /[Tt]ry again; .* restart the device, .* report it/);
  assert.doesNotMatch(JSON.stringify([failure, device.apps.look().map(({ lane }) => lane.waiting)]), /log/);
  device.runtime.create = create;
  device.world.aheadMs += 60_000;
  device.apps.wake();
  await device.apps.settled("shelf", () => undefined);
  assert.equal(wordOf(device), "network");
});
