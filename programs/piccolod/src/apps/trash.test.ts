import assert from "node:assert/strict";
import { test } from "node:test";
import { AppDevice, never } from "../../test-support/app-device.ts";
import { trashKeptMs } from "./record.ts";

const digest = `sha256:${"1".padStart(64, "a")}`;

async function uninstalled(device: AppDevice): Promise<string> {
  await device.install("shelf");
  device.write("shelf", "all my books");
  device.apps.remove("shelf");
  await device.apps.settled("shelf", () => undefined);
  const [{ trash } = assert.fail("it is in the trash")] = device.apps.trash();
  return trash.id;
}

test("by a clock that is not believed nothing in the trash is due; by one that is, it is", async (context) => {
  const device = AppDevice.start(context);
  const id = await uninstalled(device);
  device.world.wallAheadMs = trashKeptMs + 1;
  device.clockBelieved = false;
  await device.apps.purged(undefined, never);
  assert.equal(device.apps.trash().length, 1);
  device.apps.restoreFromTrash(id);
  await device.apps.settled("shelf", () => undefined);
  assert.equal(device.read("shelf").toString(), "all my books");
  device.apps.remove("shelf");
  await device.apps.settled("shelf", () => undefined);
  device.clockBelieved = true;
  device.world.wallAheadMs += trashKeptMs + 1;
  await device.apps.purged(undefined, never);
  assert.deepEqual(device.apps.trash(), []);
});

test("what the owner wants gone goes by any clock, and is nobody's to bring back", async (context) => {
  const device = AppDevice.start(context);
  const id = await uninstalled(device);
  device.clockBelieved = false;
  device.apps.purge(id);
  assert.throws(() => device.apps.restoreFromTrash(id), { code: "app-not-found" });
  await device.apps.purged(id, never);
  assert.deepEqual(device.appStore.trash(), []);
});

test("what is being brought back is not deleted meanwhile, neither by the clock nor by hand", async (context) => {
  const device = AppDevice.start(context);
  const id = await uninstalled(device);
  const image = device.runtime.registry.get(digest);
  assert.ok(image);
  device.runtime.registry.delete(digest);
  await device.runtime.removeImage(digest);
  device.apps.restoreFromTrash(id);
  await assert.rejects(
    device.apps.settled("shelf", () => undefined),
    { code: "image-refused" },
  );
  assert.throws(() => device.apps.purge(id), { code: "app-busy" });
  device.world.wallAheadMs = trashKeptMs + 1;
  await device.apps.purged(undefined, never);
  device.runtime.registry.set(digest, image);
  device.apps.run("shelf", "running");
  await device.apps.settled("shelf", () => undefined);
  assert.equal(device.read("shelf").toString(), "all my books");
  assert.deepEqual(device.appStore.trash(), []);
});

test("data that the disk does not let go stays in the trash, holds up nothing, and goes when it does", async (context) => {
  const device = AppDevice.start(context);
  const id = await uninstalled(device);
  await device.install("other");
  const { storage } = device;
  const purge = storage.purgeTrash.bind(storage);
  let refused = 0;
  storage.purgeTrash = () => {
    refused++;
    throw Object.assign(new Error("the disk cannot be read"), { code: "EIO", errno: -5 });
  };
  device.apps.purge(id);
  await assert.rejects(device.apps.purged(id, never), { code: "step-failed" });
  assert.ok(refused > 0);
  await device.apps.openRoute("other");
  storage.purgeTrash = purge;
  await device.apps.purged(id, never);
  assert.deepEqual(device.appStore.trash(), []);
});

test("while what is due goes, which takes a while, it is nobody's to bring back, and what was brought back meanwhile stays", async (context) => {
  const device = AppDevice.start(context);
  for (const app of ["shelf", "other"]) {
    await device.install(app);
    device.write(app, `all of ${app}`);
    device.apps.remove(app);
    await device.apps.settled(app, () => undefined);
  }
  device.world.wallAheadMs = trashKeptMs + 1;
  const { storage } = device;
  const purge = storage.purgeTrash.bind(storage);
  const [reached, gate] = [Promise.withResolvers<string>(), Promise.withResolvers<undefined>()];
  storage.purgeTrash = async (trash) => {
    reached.resolve(trash);
    await gate.promise;
    await purge(trash);
  };
  const both = device.apps.trash().map(({ trash }) => trash);
  const tidying = device.apps.purged(undefined, never);
  const going = await reached.promise;
  const stays = both.find(({ id }) => id !== going) ?? assert.fail("there are two");
  assert.throws(() => device.apps.restoreFromTrash(going), { code: "app-not-found" });
  device.apps.restoreFromTrash(stays.id);
  await device.apps.settled(stays.app, () => undefined);
  gate.resolve(undefined);
  await tidying;
  assert.deepEqual(device.appStore.trash(), []);
  assert.equal(device.read(stays.app).toString(), `all of ${stays.app}`);
});

test("who waits for the room of what is gone waits no longer once the device stops", async (context) => {
  const device = AppDevice.start(context);
  const id = await uninstalled(device);
  const waits = Promise.withResolvers<undefined>();
  device.storage.freed = () => {
    waits.resolve(undefined);
    return new Promise(() => undefined);
  };
  device.apps.purge(id);
  const stopping = new AbortController();
  const purged = device.apps.purged(id, stopping.signal);
  await waits.promise;
  const why = new Error("the device stops");
  stopping.abort(why);
  await assert.rejects(purged, why);
});
