import assert from "node:assert/strict";
import { test } from "node:test";
import { realWorld } from "@piccolo/world/real";
import { AppDevice, never, untold } from "../../../test-support/app-device.ts";

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));
const dayMs = 24 * 3_600_000;
const notes = (device: AppDevice) => device.backups.notes("shelf").drill;

/** What a drill makes: an app of its own, containers, volumes, copies, and what lies in the trash of it. */
async function leftOf(device: AppDevice): Promise<readonly unknown[]> {
  const names = (await device.runtime.containers()).map(({ name }) => name);
  return [
    ...device.appStore.all().filter(({ record }) => record.isDrill === true),
    ...names.filter((name) => name.startsWith("drill_")),
    ...device.storage.volumesOf("drill_shelf"),
    ...device.storage.snapshots().keys(),
    ...device.appStore.trash(),
  ];
}

async function backedUp(device: AppDevice): Promise<void> {
  await device.install("shelf");
  device.write("shelf", "books");
  await device.backUp("shelf");
}

test("drills are held by themselves, a day after the first backup and then each month, while the device is unlocked", async (context) => {
  const device = AppDevice.start(context);
  await backedUp(device);
  let looks = 0;
  device.world.sleep = (ms, signal) => {
    if (ms >= 600_000) looks += 1;
    return realWorld.sleep(Math.min(ms, 5), signal);
  };
  const looked = async (): Promise<void> => {
    const before = looks;
    const isSeen = (): boolean => looks >= before + 2;
    while (!isSeen()) await turn();
  };
  device.drills.start();
  await looked();
  assert.equal(notes(device), undefined, "before its time");
  device.world.aheadMs += dayMs + 1;
  device.unlocked = false;
  await looked();
  assert.equal(notes(device), undefined, "nobody could read it");
  device.unlocked = true;
  while (notes(device) === undefined) await turn();
  const first = notes(device);
  assert.deepEqual([first?.trouble, first?.backup, first?.comparedBytes], [undefined, device.newest("shelf").id, 5]);
  await looked();
  assert.deepEqual(notes(device), first);
  device.world.aheadMs += 31 * dayMs;
  while (notes(device)?.atMs === first?.atMs) await turn();
  await looked();
  assert.deepEqual(await leftOf(device), []);
});

test("what a drill that was cut off left goes at the next start, data and all, and the app stays", async (context) => {
  const device = AppDevice.start(context);
  await backedUp(device);
  device.health = 500;
  const cutOff = device.drills.drill(device.newest("shelf").id, untold).catch((error: unknown) => error);
  while (!(await device.runtime.containers()).some(({ name }) => name.startsWith("drill_"))) await turn();
  // Power is cut: what would follow its end is not done.
  device.backups.restored.endDrill = () => false;
  await device.restart();
  await cutOff;
  device.health = 200;
  assert.ok((await leftOf(device)).length >= 3, "its app, its container and its data");
  device.drills.start();
  while (device.appStore.get("drill_shelf") !== undefined) await turn();
  await device.apps.purged(undefined, never);
  assert.deepEqual(await leftOf(device), []);
  await device.apps.openRoute("shelf");
  assert.equal(device.read("shelf").toString(), "books");
  assert.equal(notes(device), undefined);
});

test("a drill waits until the copy of the last one is gone, and one that is asked for meanwhile is told so", async (context) => {
  const device = AppDevice.start(context);
  await backedUp(device);
  const { backup, document } = await device.backups.kept.read(device.newest("shelf").id, never);
  device.backups.restored.startDrill(backup, document);
  await assert.rejects(device.drills.drill(backup.id, untold), { code: "drill-going" });
  device.backups.restored.endDrill("shelf");
  await device.apps.settled("drill_shelf", () => undefined);
  await device.drills.drill(backup.id, untold);
  assert.equal(notes(device)?.trouble, undefined);
});

test("what keeps a drill that is due from being held is told, until it is held", async (context) => {
  const device = AppDevice.start(context);
  await backedUp(device);
  device.freeMemoryBytes = 0;
  device.world.sleep = (ms, signal) => realWorld.sleep(Math.min(ms, 5), signal);
  device.world.aheadMs += dayMs + 1;
  device.drills.start();
  const heldUp = () => device.backups.notes("shelf").drillHeldUp;
  while (heldUp() === undefined) await turn();
  assert.equal(heldUp()?.code, "drill-no-memory");
  assert.equal(notes(device), undefined);
  device.freeMemoryBytes = 1e12;
  while (notes(device) === undefined) await turn();
  assert.deepEqual([heldUp(), notes(device)?.trouble], [undefined, undefined]);
});
