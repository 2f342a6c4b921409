import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppView, Problem, Task } from "@piccolo/device-api";
import { appApi } from "../../test-support/app-api.ts";
import { AppDevice } from "../../test-support/app-device.ts";
import { noticeId } from "./requests.ts";
import { appStorageFaults } from "./runtime/app-storage.ts";
import { runtimeFaults } from "./runtime/faults.ts";

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

/** Second after second, until nothing goes on any more. */
async function until(device: AppDevice, holds: () => boolean): Promise<void> {
  while (!holds()) {
    device.world.aheadMs += 5_000;
    device.apps.wake();
    for (let turns = 0; turns < 20; turns++) await turn();
  }
}

function givenUp(device: AppDevice): Promise<void> {
  const failure = () => device.apps.get("shelf").record.change?.failure;
  return until(device, () => failure() !== undefined && failure()?.retryAtMs === undefined);
}

async function failedUpdate(device: AppDevice): Promise<void> {
  const manifest = device.manifest("shelf", { version: "2" });
  device.health = 500;
  device.apps.update("shelf", { manifest, grants: [] });
  await until(device, () => device.apps.get("shelf").record.notice !== undefined);
  device.health = 200;
  await device.apps.openRoute("shelf");
}

test("a change that was given up is told until its owner puts that away, and only what was seen is put away", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  const api = () => appApi(device);
  const problem = async (): Promise<AppView["problem"]> =>
    (await api().ask<AppView>("GET", "/apps/shelf")).body.problem;
  const putAway = async (notice: string): Promise<number> =>
    (await api().ask("DELETE", `/apps/shelf/notices/${notice}`)).status;
  await failedUpdate(device);
  const first = (await problem())?.notice ?? assert.fail("it can be put away");
  assert.equal(await putAway("another"), 204);
  assert.equal((await problem())?.notice, first);
  assert.equal(await putAway(first), 204);
  assert.equal(await problem(), undefined);
  assert.equal(await putAway(first), 204);
  assert.equal((await api().ask<AppView>("GET", "/apps/shelf")).body.state, "running");

  await failedUpdate(device);
  const second = (await problem())?.notice ?? assert.fail("it can be put away");
  assert.notEqual(second, first);
  assert.equal(await putAway(first), 204);
  await device.restart();
  assert.equal((await problem())?.notice, second);
  assert.equal(await putAway(second), 204);
  await device.restart();
  assert.equal(await problem(), undefined);
  const { status, body } = await api().ask<Problem>("DELETE", `/apps/other/notices/${second}`);
  assert.deepEqual([status, body.code], [404, "app-not-found"]);
});

test("what stands in the way now cannot be put away", async (context) => {
  const device = AppDevice.start(context);
  device.health = 500;
  device.apps.install({ manifest: device.manifest("shelf"), grants: [], settings: {} });
  await givenUp(device);
  const { problem, state } = (await appApi(device).ask<AppView>("GET", "/apps/shelf")).body;
  assert.deepEqual([state, problem?.code, problem?.notice], ["failed", "not-healthy", undefined]);
});

test("what was put away while the app was looked at does not come back", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf", { hasData: false });
  await failedUpdate(device);
  const record = () => device.apps.get("shelf").record;
  const { notice } = record();
  assert.ok(notice);
  let isTold = false;
  const containers = device.runtime.containers.bind(device.runtime);
  device.runtime.containers = async (label) => {
    const found = await containers(label);
    if (isTold && found.some(({ phase }) => phase === "stopped")) {
      isTold = false;
      device.apps.dismiss("shelf", noticeId(notice));
    }
    return found;
  };
  while (record().failure === undefined) {
    const [now] = await containers();
    if (now?.phase === "running") {
      // Each time it has ended it is told again, and put away in the midst of the look, the one that finds it ends too often included.
      device.appStore.put({ ...record(), notice });
      isTold = true;
      device.runtime.end(now.name, 1);
      device.apps.wake();
    }
    await turn();
  }
  assert.equal(record().failure?.code, "not-started");
  assert.equal(record().notice, undefined);
});

test("who asks for another try gets what was wanted: an app that shall be stopped is not left running", async (context) => {
  for (const wanted of ["stopped", "running"] as const) {
    const device = AppDevice.start(context);
    device.health = 500;
    device.apps.install({ manifest: device.manifest("shelf"), grants: [], settings: {} });
    device.apps.run("shelf", wanted);
    await givenUp(device);
    const api = appApi(device);
    assert.equal((await api.ask<AppView>("GET", "/apps/shelf")).body.state, "failed");
    device.health = 200;
    const { status, body } = await api.ask<Task>("POST", "/apps/shelf/retry");
    assert.equal(status, 202);
    assert.equal((await api.ended(body)).state, "done");
    const view = (await api.ask<AppView>("GET", "/apps/shelf")).body;
    assert.deepEqual([view.state, view.wanted, view.problem], [wanted, wanted, undefined]);
    assert.equal((await device.runtime.container("shelf.web.1"))?.phase, wanted);
  }
  const none = await appApi(AppDevice.start(context)).ask<Problem>("POST", "/apps/shelf/retry");
  assert.deepEqual([none.status, none.body.code], [404, "app-not-found"]);
});

test("where apps cannot be made ready when the device starts, each says why, and comes up by itself once they can", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  const open = device.storage.open.bind(device.storage);
  const looks = { opened: 0 };
  device.storage.open = () => {
    looks.opened += 1;
    return Promise.reject(
      appStorageFaults.fault("app-storage-failed", "the room for the apps could not be made ready", {
        cause: new Error("mount: /run/piccolo/apps: wrong fs type, bad superblock on /dev/loop0"),
      }),
    );
  };
  device.events.length = 0;
  await device.restart();
  const view = async (): Promise<AppView> => (await appApi(device).ask<AppView>("GET", "/apps/shelf")).body;
  while ((await view()).problem === undefined) await turn();
  const { state, problem } = await view();
  assert.deepEqual([state, problem?.code, problem?.notice], ["unknown", "step-failed", undefined]);
  assert.equal(problem?.systemSaid, "mount: … wrong fs type, bad superblock on …");
  assert.match(problem?.nextStep ?? "", /restart the device/);
  assert.deepEqual(device.events, ["shelf"]);
  // It is looked at again and again, and told once.
  while (looks.opened < 2) await turn();
  await turn();
  assert.deepEqual(device.events, ["shelf"]);
  device.storage.open = open;
  await device.apps.openRoute("shelf");
  await device.apps.settled("shelf", () => undefined);
  assert.deepEqual([(await view()).state, (await view()).problem], ["running", undefined]);
});

test("where what runs the apps goes away while they run, each says so and what happens next, and is known again afterwards", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  const view = async (): Promise<AppView> => (await appApi(device).ask<AppView>("GET", "/apps/shelf")).body;
  assert.equal((await view()).state, "running");
  device.runtime.isAway = true;
  await until(device, () => device.apps.look().some(({ lane }) => lane.waiting?.for === "knowledge"));
  const { state, problem } = await view();
  assert.deepEqual(
    [state, problem?.code, problem?.detail],
    ["unknown", "runtime-unavailable", "What runs the apps does not answer."],
  );
  assert.match(problem?.nextStep ?? "", /started again by itself/);
  device.runtime.isAway = false;
  await until(device, () => device.apps.look().every(({ lane }) => lane.waiting === undefined));
  assert.deepEqual([(await view()).state, (await view()).problem], ["running", undefined]);
});

test("an install that waits for its next try says when that is, and is tried at once where its owner asks for it", async (context) => {
  const device = AppDevice.start(context);
  const manifest = device.manifest("shelf");
  const [service] = manifest.services;
  const digest = service?.image.digest ?? "";
  const image = device.runtime.registry.get(digest) ?? assert.fail();
  device.runtime.pullImage = () =>
    Promise.reject(runtimeFaults.fault("image-unreachable", "the registry does not answer"));
  device.apps.install({ manifest, grants: [], settings: {} });
  const api = appApi(device);
  const view = async (): Promise<AppView> => (await api.ask<AppView>("GET", "/apps/shelf")).body;
  while ((await view()).problem?.retryAtMs === undefined) await turn();
  const { state, problem } = await view();
  assert.deepEqual([state, problem?.code], ["installing", "image-unreachable"]);
  assert.ok((problem?.retryAtMs ?? 0) > device.world.nowMs());
  Reflect.deleteProperty(device.runtime, "pullImage");
  device.runtime.registry.set(digest, image);
  // Both clicks of a double click are taken: there is one change, and one task that follows it.
  const twice = await Promise.all([1, 2].map(() => api.ask<Task>("POST", "/apps/shelf/retry")));
  assert.deepEqual(
    twice.map(({ status }) => status),
    [202, 202],
  );
  assert.equal(twice[0]?.body.id, twice[1]?.body.id);
  assert.equal((await api.ended(twice[0]?.body ?? assert.fail())).state, "done");
  assert.equal((await view()).state, "running");
});

test("an install that was given up over a setting is given the right one, and comes up with it", async (context) => {
  const device = AppDevice.start(context);
  device.health = 500;
  device.apps.install({
    manifest: device.manifest("shelf", { hasPassword: true }),
    grants: [],
    settings: { WORD: "wrong" },
  });
  await givenUp(device);
  const secrets = device.appStore.secretsOf(device.apps.get("shelf"));
  device.health = 200;
  const api = appApi(device);
  const { status, body } = await api.ask<Task>("POST", "/apps/shelf/configure", { settings: { WORD: "right" } });
  assert.equal(status, 202);
  assert.equal((await api.ended(body)).state, "done");
  const view = (await api.ask<AppView>("GET", "/apps/shelf")).body;
  assert.deepEqual([view.state, view.problem], ["running", undefined]);
  assert.deepEqual(device.appStore.secretsOf(device.apps.get("shelf")), { ...secrets, WORD: "right" });
});

test("an install that was given up takes another manifest, and one that goes on is not changed under way", async (context) => {
  const device = AppDevice.start(context);
  device.health = 500;
  device.apps.install({ manifest: device.manifest("shelf"), grants: [], settings: {} });
  const other = { manifest: device.manifest("shelf", { version: "2" }), grants: [] };
  assert.throws(() => device.apps.update("shelf", other), { code: "app-not-installed", message: /wait until it has/ });
  await givenUp(device);
  device.health = 200;
  device.apps.update("shelf", other);
  await device.apps.settled("shelf", () => undefined);
  const { current, change } = device.apps.get("shelf").record;
  assert.deepEqual([current?.manifest.version, change], ["2", undefined]);
});
