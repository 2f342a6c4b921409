/** The disk below the databases and the apps fails for a while: that is told of an app and a backup, and ends nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { World } from "@piccolo/world";
import { AppDevice, untold } from "../../test-support/app-device.ts";
import { createLog } from "../adapters/log.ts";
import { RestoreDrills, type RestoreDrillsOptions } from "./backup/restore-drills.ts";

const ioError = (): Error =>
  Object.assign(new Error("disk I/O error"), { code: "ERR_SQLITE_ERROR", errcode: 10, errstr: "disk I/O error" });
const refused = (): Error => Object.assign(new Error("EIO: i/o error, read"), { code: "EIO", errno: -5 });

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

async function until(device: AppDevice, holds: () => boolean): Promise<void> {
  while (!holds()) {
    device.world.aheadMs += 5_000;
    device.apps.wake();
    for (let turns = 0; turns < 20; turns++) await turn();
  }
}

const failing = (): never => {
  throw ioError();
};

test("an app whose record cannot be written is told to be out of sight, and goes on once it can", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  const lane = () => device.apps.look().find(({ app }) => app.record.app === "shelf")?.lane ?? assert.fail();
  const { appStore } = device;
  const put = appStore.put.bind(appStore);
  const manifest = device.manifest("shelf", { version: "2" });
  device.apps.update("shelf", { manifest, grants: [] });
  appStore.put = failing;
  await until(device, () => lane().waiting !== undefined);
  const { waiting } = lane();
  assert.ok(waiting?.for === "knowledge");
  assert.equal(waiting.failure?.code, "step-failed");
  assert.match(waiting.failure?.detail ?? "", /disk/);
  appStore.put = put;
  await until(device, () => device.apps.get("shelf").record.current?.manifest.version === "2");
  await until(device, () => lane().waiting === undefined);
});

test("a device whose records cannot be read looks again until they can", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  const { appStore } = device;
  const all = appStore.all.bind(appStore);
  const asked: number[] = [];
  appStore.all = () => {
    asked.push(device.world.nowMs());
    throw ioError();
  };
  device.runtime.end("shelf.web.1", 1);
  for (let turns = 0; asked.length === 0 && turns < 5_000; turns++) await turn();
  assert.ok(asked.length > 0);
  appStore.all = all;
  await device.apps.openRoute("shelf");
});

test("a backup that fails by the disk is told, also where not even that can be noted", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.write("shelf", "all my books");
  device.copyReader = () => Promise.reject(refused());
  const { trouble } = await device.backUp("shelf");
  assert.equal(trouble?.code, "disk-error");
  const { appStore } = device;
  const put = appStore.putNotes.bind(appStore);
  appStore.putNotes = failing;
  assert.equal((await device.backups.backUpNow("shelf", untold)).trouble?.code, "disk-error");
  appStore.putNotes = put;
  device.copyReader = undefined;
  assert.equal((await device.backUp("shelf")).place, "network");
});

/** Looks for drills that are due so often, against such a disk; rejects as the run would end. */
async function drillsOn(looks: number, read: () => Promise<never>): Promise<readonly string[]> {
  const lines: string[] = [];
  let slept = 0;
  const ended = Promise.withResolvers<undefined>();
  const world: Partial<World> = {
    nowMs: () => 1e12,
    monotonicMs: () => 0,
    sleep: async () => {
      if (++slept <= looks) return;
      ended.resolve(undefined);
      await new Promise<never>(() => undefined);
    },
  };
  const app = { record: { app: "shelf", wanted: "running", change: undefined } };
  const backup = { id: "b", app: "shelf", takenAtMs: 0 };
  const drills = new RestoreDrills({
    backups: {
      kept: { ofApp: () => [backup], read },
      notes: () => ({}),
      // The note of what holds it up is refused by the same disk.
      noteDrillHeldUp: () => {
        throw refused();
      },
      restored: { endDrill: () => false },
    },
    apps: {},
    appStore: { all: () => [app] },
    isUnlocked: () => true,
    mayWork: () => true,
    freeMemoryBytes: () => 1e12,
    world,
    log: createLog(
      (line) => lines.push(line),
      () => 0,
    ),
  } as unknown as RestoreDrillsOptions);
  await Promise.race([drills.run(), ended.promise]);
  return lines;
}

test("a restore drill that fails by the disk is told, and the next one is held all the same", async () => {
  for (const error of [refused(), ioError()]) {
    const lines = await drillsOn(3, () => Promise.reject(error));
    assert.equal(lines.filter((line) => line.includes("restore-drill-failed")).length, 3);
  }
  await assert.rejects(
    drillsOn(3, () => Promise.reject(new TypeError("a bug"))),
    { message: "a bug" },
  );
});
