import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppEventList, Task } from "@piccolo/device-api";
import { appApi } from "../../test-support/app-api.ts";
import { AppDevice, manifestText } from "../../test-support/app-device.ts";
import { eventsKept } from "./app-events.ts";

const oldestFirst = async (device: AppDevice): Promise<AppEventList["events"]> =>
  (await appApi(device).ask<AppEventList>("GET", "/apps/shelf/events")).body.events.toReversed();
const kinds = async (device: AppDevice): Promise<readonly string[]> =>
  (await oldestFirst(device)).map(({ kind }) => kind);

async function settled(device: AppDevice): Promise<void> {
  await device.apps.settled("shelf", () => undefined);
}

async function running(device: AppDevice): Promise<string> {
  return (await device.runtime.containers()).find(({ phase }) => phase === "running")?.name ?? assert.fail();
}

test("an app that is not there has no events", async (context) => {
  const { status } = await appApi(AppDevice.start(context)).ask("GET", "/apps/shelf/events");
  assert.equal(status, 404);
});

test("an end by itself and the start after it leave a trace with the code, also over a restart of the device", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  assert.deepEqual(await kinds(device), ["installed"]);
  const restarted = new Promise<void>((resolve) => {
    const before = device.runtime.start.bind(device.runtime);
    device.runtime.start = async (name) => {
      const state = await before(name);
      resolve();
      return state;
    };
  });
  device.runtime.end(await running(device), 7);
  await restarted;
  await device.apps.openRoute("shelf");
  const { body } = await appApi(device).ask<AppEventList>("GET", "/apps/shelf/events");
  assert.deepEqual(
    body.events.map(({ atMs: _atMs, ...event }) => event),
    [
      { kind: "restarted", service: "web" },
      { kind: "ended", service: "web", exitCode: 7 },
      { kind: "installed", version: "1" },
    ],
  );
  assert.equal(body.restarts, 1);
  await device.restart();
  await device.apps.openRoute("shelf");
  assert.deepEqual((await kinds(device)).slice(0, 3), ["installed", "ended", "restarted"]);
  assert.equal((await kinds(device)).filter((kind) => kind === "ended").length, 1, "a device's end is not an app's");
});

test("changes that succeed and changes that are given up, stops and starts", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.apps.run("shelf", "stopped");
  await settled(device);
  device.apps.run("shelf", "running");
  await settled(device);
  const api = appApi(device);
  const wanted = { manifest: manifestText("shelf", { version: "2" }), grants: [] };
  const { body: task } = await api.ask<Task>("POST", "/apps/shelf/update", wanted);
  assert.equal((await api.ended(task)).state, "failed");
  const events = await oldestFirst(device);
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ["installed", "stopped", "started", "given-up"],
  );
  assert.deepEqual([events[3]?.change, events[3]?.version, events[3]?.code], ["update", "2", "image-refused"]);
  await device.backUp("shelf");
  assert.equal((await kinds(device)).at(-1), "backed-up");
});

test("what happened goes into the trash with the app, comes back with it, and is bounded", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  const place = device.apps.get("shelf");
  for (let at = 0; at < eventsKept + 20; at++)
    device.appStore.addEvents(place, [{ kind: "started", service: `s${at}` }], at);
  const kept = await oldestFirst(device);
  assert.deepEqual([kept.length, kept[0]?.service, kept.at(-1)?.service], [eventsKept, "s20", "s119"]);
  device.apps.remove("shelf");
  await settled(device);
  const [trashed] = device.apps.trash();
  device.apps.restoreFromTrash(trashed?.trash.id ?? "");
  await settled(device);
  assert.deepEqual((await kinds(device)).slice(-2), ["uninstalled", "restored"]);
});
