import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppView, Task } from "@piccolo/device-api";
import { engineFaults } from "@piccolo/storage/owner";
import { appApi } from "../../../test-support/app-api.ts";
import { AppDevice, untold } from "../../../test-support/app-device.ts";
import { appStorageFaults } from "../runtime/app-storage.ts";

const settled = (device: AppDevice): Promise<void> => device.apps.settled("shelf", () => undefined);
const recordOf = (device: AppDevice) => device.apps.get("shelf").record;

/** As after a backup on a device in no network. */
async function copied(device: AppDevice, text: string): Promise<string> {
  device.write("shelf", text);
  device.apps.backUp("shelf");
  await settled(device);
  return recordOf(device).backups.at(-1)?.id ?? assert.fail("a copy was made");
}

async function updated(device: AppDevice, version: string): Promise<void> {
  device.apps.update("shelf", { manifest: device.manifest("shelf", { version }), grants: [] });
  await settled(device);
}

test("what is not there cannot be deleted", async (context) => {
  const device = AppDevice.start(context);
  const { ask } = appApi(device);
  const of = async (path: string) => {
    const { status, body } = await ask<{ readonly code: string }>("DELETE", path);
    return [status, body.code];
  };
  assert.deepEqual(await of("/apps/shelf/snapshots/none"), [404, "app-not-found"]);
  assert.deepEqual(await of("/apps/shelf/rollback"), [404, "app-not-found"]);
  await device.install("shelf");
  assert.deepEqual(await of("/apps/shelf/snapshots/none"), [404, "snapshot-not-found"]);
  assert.deepEqual(await of("/apps/shelf/rollback"), [409, "no-rollback"]);
});

test("a copy that its owner deletes gives its room back at once, and the others stay", async (context) => {
  const device = AppDevice.start(context);
  device.inNetwork = false;
  await device.install("shelf");
  const [older, newer] = [await copied(device, "older"), await copied(device, "newer")];
  const { ask } = appApi(device);
  assert.equal((await ask("DELETE", `/apps/shelf/snapshots/${newer}`)).status, 204);
  assert.deepEqual([...device.storage.snapshots().keys()], [older]);
  assert.equal(device.appStore.snapshotFacts(newer), undefined);
  const { body } = await ask<AppView>("GET", "/apps/shelf");
  assert.deepEqual(
    body.snapshots.map(({ id }) => id),
    [older],
  );
  assert.deepEqual(recordOf(device).discarded, []);
  const again = await ask<{ readonly code: string }>("DELETE", `/apps/shelf/snapshots/${newer}`);
  assert.equal(again.body.code, "snapshot-not-found");
  device.apps.restore("shelf", older);
  await settled(device);
  assert.equal(device.read("shelf").toString(), "older");
});

test("an app that does not come up gives the room of its copies back, too", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  const copy = await copied(device, "books");
  device.health = 500;
  device.runtime.end("shelf.web.1", 1);
  device.apps.wake();
  while (recordOf(device).failure === undefined) {
    device.world.aheadMs += 600_000;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await device.backups.copies.delete("shelf", copy);
  assert.deepEqual([...device.storage.snapshots()], []);
});

test("an app that does not come up keeps no copy that nothing needs: the room may be what it lacks", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  const [copy, other] = [await copied(device, "books"), await copied(device, "more")];
  device.health = 500;
  device.runtime.end("shelf.web.1", 1);
  device.apps.wake();
  while (recordOf(device).failure === undefined) {
    device.world.aheadMs += 600_000;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  // As an update that was given up leaves the copy it began with.
  const record = recordOf(device);
  device.appStore.put({ ...record, backups: record.backups.slice(1), discarded: [copy] });
  const { storage } = device;
  const dropSnapshot = storage.dropSnapshot.bind(storage);
  storage.dropSnapshot = () => {
    throw appStorageFaults.fault("app-storage-failed", "the disk refuses");
  };
  await device.backups.copies.tidy();
  assert.deepEqual(recordOf(device).discarded, [copy]);
  storage.dropSnapshot = dropSnapshot;
  await device.backups.copies.tidy();
  assert.deepEqual(recordOf(device).discarded, []);
  assert.deepEqual([...storage.snapshots().keys()], [other]);
});

test("without the copy of before the update the app cannot go back, and all else stays as it is", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  const copy = await copied(device, "first");
  await updated(device, "2");
  device.write("shelf", "second");
  const { ask } = appApi(device);
  assert.equal((await ask("DELETE", "/apps/shelf/rollback")).status, 204);
  assert.deepEqual([...device.storage.snapshots().keys()], [copy]);
  assert.equal((await ask<AppView>("GET", "/apps/shelf")).body.rollback, undefined);
  assert.throws(() => device.apps.rollBack("shelf"), { code: "no-rollback" });
  assert.equal(device.read("shelf").toString(), "second");
  // The next update can be undone again.
  await updated(device, "3");
  device.write("shelf", "third");
  device.apps.rollBack("shelf");
  await settled(device);
  assert.equal(device.read("shelf").toString(), "second");
});

test("a copy that the app is being brought back from stays, and so does the one it goes back to", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  const [copy, other] = [await copied(device, "first"), await copied(device, "other")];
  await updated(device, "2");
  const { ask, ended } = appApi(device);
  for (const [busy, path] of [
    [`/apps/shelf/snapshots/${copy}`, `/apps/shelf/snapshots/${copy}/restore`],
    ["/apps/shelf/rollback", "/apps/shelf/rollback"],
  ] as const) {
    const gate = Promise.withResolvers<undefined>();
    device.storage.snapshotGate = () => gate.promise;
    const { body: task } = await ask<Task>("POST", path);
    const refused = await ask<{ readonly code: string }>("DELETE", busy);
    assert.deepEqual([refused.status, refused.body.code], [409, "app-busy"]);
    gate.resolve(undefined);
    assert.equal((await ended(task)).state, "done");
    assert.equal(device.read("shelf").toString(), busy.endsWith("rollback") ? "other" : "first");
  }
  // One that nothing needs goes in the middle of a change, too: it may be the room the change waits for.
  const gate = Promise.withResolvers<undefined>();
  device.storage.snapshotGate = () => gate.promise;
  device.apps.rollBack("shelf");
  await device.backups.copies.delete("shelf", other);
  gate.resolve(undefined);
  await settled(device);
  assert.deepEqual(
    recordOf(device).backups.map(({ id }) => id),
    [copy],
  );
  assert.ok(!device.storage.snapshots().has(other));
});

test("a copy on its way into the network stays until it is there", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  const [waiting, stored] = [await copied(device, "older"), await copied(device, "newer")];
  const { copies } = device.backups;
  const deleted: Promise<void>[] = [];
  device.crashPoint = (name) => {
    if (name !== "before-app-backup") return;
    deleted.push(assert.rejects(copies.delete("shelf", stored), { code: "app-busy" }));
    deleted.push(copies.delete("shelf", waiting));
  };
  device.backups.start();
  device.world.aheadMs += 3_600_000;
  device.backups.wake();
  while (recordOf(device).backups.length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await Promise.all(deleted);
  assert.equal(deleted.length, 2);
  assert.deepEqual(
    device.backups.kept.ofApp("shelf").map(({ id }) => id),
    [stored],
  );
});

test("what could not be deleted goes the next time, whoever asks for it", async (context) => {
  for (const byOwner of [true, false]) {
    const device = AppDevice.start(context);
    await device.install("shelf");
    const copy = await copied(device, "books");
    const { storage } = device;
    const dropSnapshot = storage.dropSnapshot.bind(storage);
    storage.dropSnapshot = () => {
      throw appStorageFaults.fault("app-storage-failed", "the disk refuses");
    };
    await assert.rejects(device.backups.copies.delete("shelf", copy), { code: "step-failed" });
    storage.dropSnapshot = dropSnapshot;
    assert.deepEqual(recordOf(device).backups, [], "it is no backup any more");
    assert.throws(() => device.apps.restore("shelf", copy), { code: "snapshot-not-found" });
    if (byOwner) await device.backups.copies.delete("shelf", copy);
    else await device.restart();
    while (recordOf(device).discarded.length > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.deepEqual([...device.storage.snapshots()], []);
    await device.stop();
  }
});

test("a copy that was deleted is not stored for nothing, nor is an empty backup in its place", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.write("shelf", "books");
  device.crashPoint = () => {
    throw engineFaults.fault("version-busy", "the network is away");
  };
  assert.equal((await device.backups.backUpNow("shelf", untold)).place, "device");
  const [copy = assert.fail("it is here")] = recordOf(device).backups;
  await device.backups.copies.delete("shelf", copy.id);
  device.crashPoint = () => undefined;
  device.world.aheadMs += 3_600_000;
  device.backups.start();
  while (device.backups.kept.ofApp("shelf").length === 0 || recordOf(device).backups.length > 0) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(device.newest("shelf").facts.plainBytes, "books".length);
});
