import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { diskFaults } from "@piccolo/storage/ports";
import { engineFaults } from "@piccolo/storage/owner";
import { AppDevice, never, untold } from "../../../test-support/app-device.ts";
import { agreedPaths } from "../agreed-grants.ts";
import { readerOf } from "../../../test-support/huge-copy.ts";
import { chunkBytes } from "./chunks.ts";
import { chunksMax } from "./document.ts";

const secretsOf = (device: AppDevice, app: string) => device.appStore.secretsOf(device.apps.get(app));

test("what is not there is refused before anything is asked for", async (context) => {
  const device = AppDevice.start(context);
  await assert.rejects(device.backUp("shelf"), { code: "app-not-found" });
  await assert.rejects(device.backups.kept.read("ab".repeat(16), never), { code: "app-backup-not-found" });
  await assert.rejects(device.backups.kept.delete("no id"), { code: "app-backup-not-found" });
  await assert.rejects(device.drills.drill("' OR 1=1", untold), { code: "app-backup-not-found" });
});

test("a backup made while the device is locked is opened by who unlocks it, and brings data and secrets back", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  const content = randomBytes(3 * chunkBytes + 5);
  device.write("shelf", content);
  const secrets = secretsOf(device, "shelf");
  device.unlocked = false;
  assert.deepEqual(await device.backUp("shelf"), { place: "network", trouble: undefined });
  const { id } = device.newest("shelf");
  assert.deepEqual(device.apps.get("shelf").record.backups, [], "the copy on the device goes");
  await assert.rejects(device.backups.kept.read(id, never), { code: "locked" });
  device.unlocked = true;
  device.write("shelf", "something else");
  await device.restore(id);
  assert.ok(device.read("shelf").equals(content));
  assert.deepEqual(secretsOf(device, "shelf"), secrets);
  device.apps.rollBack("shelf");
  await device.apps.settled("shelf", () => undefined);
  assert.equal(device.read("shelf").toString(), "something else", "what was there before can be brought back");
  await device.stop();
});

test("on a device that replaces another the app comes back with its data, its secrets and its ids", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.write("shelf", "all my books");
  await device.backUp("shelf");
  const secrets = secretsOf(device, "shelf");
  const { idStart } = device.apps.get("shelf");
  await device.stop();
  const fresh = device.replacement(context);
  fresh.runtime.registry.set(`sha256:${"1".padStart(64, "a")}`, {
    digest: `sha256:${"1".padStart(64, "a")}`,
    architecture: "amd64",
    sizeBytes: 1,
    user: "",
  });
  assert.deepEqual(
    fresh.backups.kept.all().map(({ app, facts }) => [app, facts.name.en]),
    [["shelf", "Shelf"]],
  );
  await fresh.restore(fresh.newest("shelf").id);
  assert.equal(fresh.read("shelf").toString(), "all my books");
  assert.deepEqual(secretsOf(fresh, "shelf"), secrets);
  assert.equal(fresh.apps.get("shelf").idStart, idStart);
  assert.equal(fresh.apps.routeOf("shelf").kind, "open");
  assert.deepEqual(fresh.storage.moved, []);
});

test("an app comes back from the catalog it was from, and one its owner gave comes back from none", async (context) => {
  const from = "ef".repeat(32);
  const device = AppDevice.start(context);
  await device.install("shelf", {}, from);
  await device.install("own");
  for (const app of ["shelf", "own"]) await device.backUp(app);
  await device.restore(device.newest("shelf").id);
  const before = device.apps.get("shelf").record.current;
  assert.equal(before?.catalog, from, "in the place of the app that is there");
  await device.stop();
  const fresh = device.replacement(context);
  for (const [digest, image] of device.runtime.registry) fresh.runtime.registry.set(digest, image);
  for (const app of ["shelf", "own"]) await fresh.restore(fresh.newest(app).id);
  const { current } = fresh.apps.get("shelf").record;
  assert.deepEqual(current, { ...before, number: 1 }, "all of it comes back");
  assert.equal(fresh.apps.get("own").record.current?.catalog, undefined);
});

test("an app of another release's own comes back with the image that the running release has of it", async (context) => {
  const [device, from] = [AppDevice.start(context), "ef".repeat(32)];
  await device.install("shelf", { registry: "localhost" }, from);
  device.write("shelf", "all my books");
  await device.backUp("shelf");
  await device.stop();
  const fresh = device.replacement(context);
  const { id } = fresh.newest("shelf");
  fresh.offered = fresh.manifest("shelf", { registry: "localhost", version: "2" });
  const digest = fresh.offered.services[0]?.image.digest ?? "";
  fresh.bundled.add(digest);
  await fresh.restore(id);
  const { manifest } = fresh.apps.get("shelf").record.current ?? {};
  assert.deepEqual([manifest?.services[0]?.image.digest, manifest?.version], [digest, "1"]);
  assert.equal(fresh.read("shelf").toString(), "all my books");
  assert.equal(fresh.apps.routeOf("shelf").kind, "open");
  await fresh.drills.drill(id, untold);
});

test("an app whose wider public paths were refused comes back with those the owner agreed to, and no more", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf", { publicPaths: ["/share/*"] });
  const manifest = device.manifest("shelf", { version: "2", publicPaths: ["/*"] });
  device.apps.update("shelf", { manifest, grants: [], catalog: undefined });
  await device.apps.settled("shelf", () => undefined);
  const pathsOn = ({ apps }: AppDevice): readonly string[] =>
    agreedPaths(apps.get("shelf").record.current ?? assert.fail("it is installed"));
  assert.deepEqual(pathsOn(device), ["/share/*"]);
  assert.equal((await device.backUp("shelf")).place, "network");
  const { document } = await device.backups.kept.read(device.newest("shelf").id, never);
  assert.deepEqual(document.generation.publicPaths, ["/share/*"]);
  await device.restore(device.newest("shelf").id);
  assert.deepEqual(pathsOn(device), ["/share/*"], "in the place of the app that is there");
  await device.stop();
  const fresh = device.replacement(context);
  for (const [digest, image] of device.runtime.registry) fresh.runtime.registry.set(digest, image);
  await fresh.restore(fresh.newest("shelf").id);
  assert.deepEqual(pathsOn(fresh), ["/share/*"], "on a device that replaces another");
  assert.equal(fresh.apps.get("shelf").record.current?.manifest.version, "2");
});

test("where its ids are another app's by now, its files get other ones", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  await device.backUp("shelf");
  const { id } = device.newest("shelf");
  const { idStart: before } = device.apps.get("shelf");
  device.apps.remove("shelf");
  await device.apps.settled("shelf", () => undefined);
  // What lies in the trash keeps its ids.
  await device.restore(id);
  const { idStart: after } = device.apps.get("shelf");
  assert.notEqual(after, before);
  assert.deepEqual(device.storage.moved, [{ app: "shelf", from: before, to: after }]);
});

test("an app that is not well is backed up like any other", async (context) => {
  const device = AppDevice.start(context);
  device.healthEveryMs = 10;
  await device.restart();
  await device.install("shelf");
  device.write("shelf", "all my books");
  const { address } = await device.apps.openRoute("shelf");
  device.hanging.add(address);
  while (device.apps.get("shelf").record.failure?.count !== 2) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal((await device.backUp("shelf")).place, "network");
  assert.equal(device.backups.kept.ofApp("shelf").length, 1);
});

test("a copy for which there is no room is not begun, and the owner is told", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.write("shelf", "all my books");
  device.storage.free = 1_000;
  await assert.rejects(device.backUp("shelf"), { code: "no-room" });
  assert.deepEqual([...device.storage.snapshots()], []);
});

test("an app without data comes back from its record alone", async (context) => {
  const device = AppDevice.start(context);
  await device.install("plain", { hasData: false });
  const secrets = secretsOf(device, "plain");
  assert.equal((await device.backUp("plain")).place, "network");
  const { id } = device.newest("plain");
  device.apps.remove("plain");
  await device.apps.settled("plain", () => undefined);
  await device.restore(id);
  assert.deepEqual(secretsOf(device, "plain"), secrets);
});

test("the secrets of a backup without data are the app's once it has come up, and not before", async (context) => {
  const device = AppDevice.start(context);
  await device.install("plain", { hasData: false });
  const saved = secretsOf(device, "plain");
  await device.backUp("plain");
  const { backup, document } = await device.backups.kept.read(device.newest("plain").id, never);
  device.apps.remove("plain");
  await device.apps.settled("plain", () => undefined);
  await device.install("plain", { hasData: false });
  const present = secretsOf(device, "plain");
  assert.notDeepEqual(present, saved);
  device.backups.restored.restore(backup, document);
  assert.deepEqual(secretsOf(device, "plain"), present);
  await device.apps.settled("plain", () => undefined);
  assert.deepEqual(secretsOf(device, "plain"), saved);
});

test("what has not changed is not stored again", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  const content = randomBytes(8 * chunkBytes);
  device.write("shelf", content);
  await device.backUp("shelf");
  const { segments } = device.elsewhere.control;
  const stored = segments.size;
  content[5 * chunkBytes] = (content[5 * chunkBytes] ?? 0) ^ 1;
  device.write("shelf", content);
  await device.backUp("shelf");
  assert.equal(segments.size - stored, 2, "the chunk that differs, and what says of it");
  assert.ok(device.newest("shelf").facts.newBytes < 2 * chunkBytes);
  device.write("shelf", Buffer.alloc(8 * chunkBytes));
  await device.backUp("shelf");
  assert.equal(segments.size - stored, 3, "zeros are not stored");
});

test("a network that is too small says how many are missing, keeps the copy, and takes it once they are there", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.write("shelf", "data");
  device.reach = { online: 2, needed: 5 };
  device.elsewhere.control.state = "pending";
  const { place, trouble } = await device.backUp("shelf");
  assert.equal(place, "device");
  assert.match(`${trouble?.detail}`, /needs 5 other devices online, and there are 2/);
  assert.deepEqual(device.backups.kept.ofApp("shelf"), []);
  assert.equal(device.apps.get("shelf").record.backups.length, 1);
  assert.equal(device.engine.spool().usedBytes, 0);
  device.backups.start();
  device.reach = { online: 6, needed: 5 };
  device.elsewhere.control.state = "placed";
  device.backups.wake();
  while (device.apps.get("shelf").record.backups.length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(device.backups.kept.ofApp("shelf").length, 1);
});

test("in no network it stays on the device, and that is said", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.inNetwork = false;
  const { place, trouble } = await device.backUp("shelf");
  assert.deepEqual([place, trouble?.code], ["device", "no-network"]);
  assert.equal(device.apps.get("shelf").record.backups.length, 1);
});

test("while nobody can be reached a copy is made each day all the same, and the newest goes into the network once it can", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.reach = { online: 0, needed: 5 };
  device.storage.snapshotFault = diskFaults.fault("disk-full", "the disk is full");
  const here = () => device.apps.get("shelf").record.backups;
  const day = async (made: number): Promise<void> => {
    device.world.aheadMs += 24 * 3_600_000;
    device.backups.wake();
    while (here().length < made) {
      device.world.aheadMs += 60_000;
      device.backups.wake();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(here().length, made);
  };
  device.backups.start();
  for (const made of [1, 2, 3]) {
    device.write("shelf", `day ${made}`);
    await day(made);
  }
  assert.equal(device.backups.notes("shelf").failed, undefined, "what failed at first is over");
  const next = device.backups.next(device.apps.get("shelf").record);
  assert.equal(next.do === "wait" ? next.trouble?.code : next.do, "too-few-holders");
  assert.deepEqual(device.backups.kept.ofApp("shelf"), []);
  const [first, , newest] = here().map(({ id }) => id);
  device.apps.restore("shelf", first ?? "");
  await device.apps.settled("shelf", () => undefined);
  assert.equal(device.read("shelf").toString(), "day 1");
  device.reach = { online: 9, needed: 5 };
  device.backups.wake();
  while (here().length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(device.newest("shelf").id, newest);
});

test("a copy stays on the device until enough members witness that it is in the network", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.witnessed = false;
  await device.backUp("shelf");
  assert.equal(device.apps.get("shelf").record.backups.length, 1);
  assert.deepEqual(device.backups.next(device.apps.get("shelf").record).do, "forget");
});

for (const point of ["app-chunk-stored", "before-app-backup", "app-backup-stored"] as const) {
  test(`a power cut at ${point} leaves nothing half, and the next start goes on with it`, async (context) => {
    const device = AppDevice.start(context);
    await device.install("shelf");
    const content = randomBytes(4 * chunkBytes);
    device.write("shelf", content);
    let reached = 0;
    device.crashPoint = (name) => {
      if (name === point && ++reached === (point === "app-chunk-stored" ? 2 : 1)) {
        throw engineFaults.fault("version-busy", "the power is gone");
      }
    };
    await device.backUp("shelf");
    const isStored = point === "app-backup-stored";
    assert.equal(device.backups.kept.ofApp("shelf").length, isStored ? 1 : 0);
    const { segments } = device.elsewhere.control;
    const before = segments.size;
    device.crashPoint = () => undefined;
    await device.restart();
    device.world.aheadMs += 3_600_000;
    device.backups.start();
    while (device.apps.get("shelf").record.backups.length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(device.backups.kept.ofApp("shelf").length, 1);
    assert.ok(segments.size - before <= (isStored ? 0 : 4), "what was stored before is not stored again");
    device.write("shelf", "gone");
    await device.restore(device.newest("shelf").id);
    assert.ok(device.read("shelf").equals(content));
  });
}

test("a full device says so, and leaves the app and its backups as they were", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.storage.snapshotFault = diskFaults.fault("disk-full", "the disk is full");
  await assert.rejects(device.backUp("shelf"), { code: "disk-full" });
  assert.deepEqual(device.backups.kept.ofApp("shelf"), []);
  assert.equal(device.apps.routeOf("shelf").kind, "open");
});

test("a copy that is deleted before it is stored leaves no backup without data, nor an older one that is taken for it", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.write("shelf", "all my books");
  const older = async (): Promise<void> => {
    device.inNetwork = false;
    await device.backUp("shelf");
    device.inNetwork = true;
  };
  for (const before of [0, 2]) {
    for (let made = 0; made < before; made++) await older();
    const kept = device.apps.get("shelf").record.backups.map(({ id }) => id);
    device.onChanged = () => {
      const { change, backups } = device.apps.get("shelf").record;
      if (change !== undefined || backups.length <= before) return;
      device.onChanged = () => undefined;
      for (const { id } of backups.slice(-2)) void device.backups.copies.delete("shelf", id);
    };
    await assert.rejects(device.backUp("shelf"), { code: "app-changing" });
    assert.deepEqual(device.backups.kept.ofApp("shelf"), []);
    assert.equal(kept.length, before);
  }
});

test("a copy that is more than a backup can hold stays on the device, is read once, and the next one is tried in its turn", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.write("shelf", "books");
  // As often the same as one likes: a backup names each chunk.
  let opened = 0;
  device.copyReader = () => {
    opened += 1;
    return Promise.resolve(readerOf("1", chunksMax + 1));
  };
  const { segments } = device.elsewhere.control;
  const here = () => device.apps.get("shelf").record.backups.map(({ id }) => id);
  const failure = () => device.backups.notes("shelf").failed;
  device.inNetwork = false;
  await device.backUp("shelf");
  device.inNetwork = true;
  device.backups.start();
  while (failure() === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
  const [first] = here();
  assert.ok(first, "its owner's only one");
  const outcome = await device.backUp("shelf");
  assert.deepEqual([outcome.place, outcome.trouble?.code], ["device", "app-backup-too-large"]);
  assert.equal(here().length, 2);
  assert.equal(segments.size, 0, "nothing of it is sent");
  assert.equal(opened, 2);
  const wait = async (hours: number): Promise<void> => {
    device.world.aheadMs += hours * 3_600_000;
    device.backups.wake();
    await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await wait(1);
  assert.equal(opened, 2, "none is read again");
  await wait(48);
  while ((failure()?.count ?? 0) < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual([opened, here().length], [3, 3]);
  device.write("shelf", "more books");
  device.apps.restore("shelf", first);
  await device.apps.settled("shelf", () => undefined);
  assert.equal(device.read("shelf").toString(), "books");
  device.copyReader = undefined;
  assert.equal((await device.backUp("shelf")).place, "network");
  assert.equal(failure(), undefined);
});

test("one app that hangs holds up no other", async (context) => {
  const device = AppDevice.start(context);
  const gate = Promise.withResolvers<undefined>();
  device.storage.snapshotGate = (app) => (app === "hung" ? gate.promise : Promise.resolve());
  await device.install("hung");
  await device.install("shelf");
  const hung = device.backUp("hung");
  assert.equal((await device.backUp("shelf")).place, "network");
  gate.resolve(undefined);
  assert.equal((await hung).place, "network");
});

test("a backup can be cancelled, and the next one is made as if it had not been", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.write("shelf", randomBytes(4 * chunkBytes));
  const cancel = new AbortController();
  device.crashPoint = (name) => {
    if (name === "app-chunk-stored") cancel.abort(new Error("the task was cancelled"));
  };
  await assert.rejects(device.backups.backUpNow("shelf", { ...untold, signal: cancel.signal }), /cancelled/);
  assert.deepEqual(device.backups.kept.ofApp("shelf"), []);
  assert.equal((await device.backUp("shelf")).place, "network");
});

test("by itself it is saved once a day, old backups go, and with them the parts that no other has", async (context) => {
  const device = AppDevice.start(context);
  const dayMs = 24 * 3_600_000;
  // From midnight on: the app's own time of day is far enough from it for each day to have its backup.
  device.world.aheadMs = dayMs - (device.world.nowMs() % dayMs);
  await device.install("shelf");
  device.backups.start();
  const until = async (count: number): Promise<void> => {
    while (device.store.all().length < count || device.apps.get("shelf").record.backups.length > 0) {
      device.backups.wake();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  for (let day = 0; day < 20; day++) {
    device.write("shelf", `day ${day}`);
    const before = device.newestAtMs("shelf");
    device.world.aheadMs += dayMs;
    while (device.newestAtMs("shelf") === before) {
      device.backups.wake();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  await until(1);
  const kept = device.backups.kept.ofApp("shelf").length;
  assert.ok(kept >= 8 && kept <= 12, `${kept} are kept`);
  assert.ok(device.store.unused(device.world.nowMs(), new Set(), 100).length <= 3, "only parts of the last days wait");
});

test("what the owner deletes is gone, and others' parts stay", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.write("shelf", "the same");
  await device.backUp("shelf");
  await device.backUp("shelf");
  const [newest, older] = device.backups.kept.ofApp("shelf");
  assert.ok(newest && older);
  await device.backups.kept.delete(newest.id);
  await assert.rejects(device.restore(newest.id), { code: "app-backup-not-found" });
  device.write("shelf", "another");
  await device.restore(older.id);
  assert.equal(device.read("shelf").toString(), "the same");
});

test("a damaged part is not taken for the app's data, and the next backup stores it anew", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.write("shelf", "the right words");
  await device.backUp("shelf");
  const { document } = await device.backups.kept.read(device.newest("shelf").id, never);
  const versionId = document.volumes[0]?.chunks[0]?.versionId;
  assert.ok(versionId);
  const { segments } = device.elsewhere.control;
  const [segment] = device.engine.describe(versionId).segments;
  assert.ok(segment);
  const good = segments.get(Buffer.from(segment.segmentId).toString("hex"));
  segments.set(Buffer.from(segment.segmentId).toString("hex"), Buffer.alloc(good?.length ?? 0, 1));
  device.write("shelf", "the right words");
  const drill = await device.drills.drill(device.newest("shelf").id, untold).catch((error: unknown) => error);
  assert.equal((drill as { trouble?: { code: string } }).trouble?.code, "backup-damaged");
  assert.equal(device.read("shelf").toString(), "the right words");
  await device.backUp("shelf");
  device.write("shelf", "wrong");
  await device.restore(device.newest("shelf").id);
  assert.equal(device.read("shelf").toString(), "the right words");
});

test("a restore drill starts the copy beside the app, and nothing of it is left", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.write("shelf", "books");
  await device.backUp("shelf");
  const { trouble } = await device.drills.drill(device.newest("shelf").id, untold);
  assert.equal(trouble, undefined);
  assert.equal(device.backups.notes("shelf").drill?.comparedBytes, 5);
  assert.deepEqual(
    device.apps.look().map(({ app }) => app.record.app),
    ["shelf"],
  );
  assert.deepEqual(device.appStore.all().length, 1);
  assert.deepEqual(device.appStore.trash(), []);
  assert.deepEqual(device.storage.volumesOf("drill_shelf"), []);
  assert.equal(device.storage.snapshots().size, 0);
  assert.deepEqual(
    (await device.runtime.containers()).map(({ name }) => name),
    ["shelf.web.1"],
  );
});

/** Of the newest backup, whose restored copy does not answer. */
async function sickDrill(device: AppDevice, needsInternet: boolean): Promise<string> {
  await device.install("shelf", { needsInternet });
  device.write("shelf", "all my books");
  await device.backUp("shelf");
  device.health = 500;
  const drilling = device.drills.drill(device.newest("shelf").id, untold);
  while (device.appStore.get("drill_shelf") === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.throws(() => device.apps.get("drill_shelf"), { code: "app-not-found" });
  while ((await device.runtime.containers()).every(({ name }) => !name.startsWith("drill_"))) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  device.world.aheadMs += 3_600_000;
  const { trouble, comparedBytes } = await drilling;
  assert.deepEqual(device.appStore.all().length, 1);
  assert.deepEqual(device.backups.notes("shelf").drill?.trouble, trouble);
  return `${trouble?.code}, ${comparedBytes} bytes`;
}

test("a restored copy that does not work is told, and leaves nothing either", async (context) => {
  assert.equal(await sickDrill(AppDevice.start(context), false), "not-healthy, 0 bytes");
});

test("one that cannot come up without a way out, which no copy has, shows that its data came back, and no fault of the backup", async (context) => {
  assert.equal(await sickDrill(AppDevice.start(context), true), "drill-unproven, 12 bytes");
});

test("a restore that was cut off in the middle goes on at the next start, once the device is unlocked", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  const content = randomBytes(4 * chunkBytes);
  device.write("shelf", content);
  await device.backUp("shelf");
  const { id } = device.newest("shelf");
  device.write("shelf", "later");
  const { control } = device.elsewhere;
  control.readFault = {
    afterBytes: 1_000_000,
    fault: engineFaults.fault("not-enough-fragments", "they are away"),
  };
  const { backup, document } = await device.backups.kept.read(id, never);
  device.backups.restored.restore(backup, document);
  while (device.apps.get("shelf").record.change?.failure === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.equal(device.read("shelf").toString(), "later", "the app runs on with its data meanwhile");
  device.unlocked = false;
  await device.restart();
  control.readFault = undefined;
  device.world.aheadMs += 3_600_000;
  device.apps.wake();
  while (device.apps.get("shelf").record.change?.failure?.code !== "device-locked") {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  device.unlocked = true;
  device.apps.wake();
  await device.apps.settled("shelf", () => undefined);
  assert.ok(device.read("shelf").equals(content));
});

test("a power cut right after a backup has come leaves it whole, with its secrets and ids", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.write("shelf", "all my books");
  await device.backUp("shelf");
  const secrets = secretsOf(device, "shelf");
  const { idStart: from } = device.apps.get("shelf");
  device.apps.remove("shelf");
  await device.apps.settled("shelf", () => undefined);
  await device.install("shelf");
  const { idStart: to } = device.apps.get("shelf");
  assert.notDeepEqual(secretsOf(device, "shelf"), secrets);
  device.crashPoint = (name) => {
    if (name === "app-backup-fetched") throw engineFaults.fault("version-busy", "the power is gone");
  };
  const { backup, document } = await device.backups.kept.read(device.newest("shelf").id, never);
  device.backups.restored.restore(backup, document);
  while (device.apps.get("shelf").record.change?.failure === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await device.restart();
  device.world.aheadMs += 3_600_000;
  device.apps.wake();
  await device.apps.settled("shelf", () => undefined);
  assert.equal(device.read("shelf").toString(), "all my books");
  assert.deepEqual(secretsOf(device, "shelf"), secrets);
  assert.deepEqual(device.storage.moved, [{ app: "shelf", from, to }]);
});

test("a copy whose secrets and ids are missing is not put in place of what is there", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.write("shelf", "books");
  device.inNetwork = false;
  await device.backUp("shelf");
  device.write("shelf", "later");
  const [copy] = device.apps.get("shelf").record.backups;
  device.appStore.deleteSnapshotFacts(copy?.id ?? "");
  device.apps.restore("shelf", copy?.id ?? "");
  await assert.rejects(
    device.apps.settled("shelf", (): void => {
      // The tries are hours apart.
      device.world.aheadMs += 3_600_000;
      device.apps.wake();
    }),
    { code: "restore-failed" },
  );
  assert.equal(device.read("shelf").toString(), "later");
});

test("a copy asked for that the disk has no room for is told of beside the backups", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.write("shelf", "books");
  device.storage.free = 0;
  await assert.rejects(device.backUp("shelf"), { code: "no-room" });
  assert.equal(device.backups.notes("shelf").failed?.code, "no-room");
  device.storage.free = 1e12;
  await device.backUp("shelf");
  assert.equal(device.backups.notes("shelf").failed, undefined);
});
