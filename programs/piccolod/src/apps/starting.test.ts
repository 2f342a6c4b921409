import assert from "node:assert/strict";
import { test } from "node:test";
import { type AppManifest, checkManifest } from "@piccolo/app-manifest";
import { diskFaults } from "@piccolo/storage/ports";
import { AppDevice, untold } from "../../test-support/app-device.ts";
import type { ContainerRuntime } from "./runtime/container-runtime.ts";

/** `services` in the order in which they are started; the commands are those of the containers in memory. */
function parts(device: AppDevice, services: Readonly<Record<string, string>>): AppManifest {
  const image = `image: example.org/shelf@sha256:${"1".padStart(64, "a")}`;
  const text = `services:
${Object.entries(services)
  .map(([name, more]) => `  ${name}: { ${image}, ${more} }\n`)
  .join("")}x-piccolo:
  id: shelf
  version: "1"
  name: Shelf
  summary: Books
  web: { service: web, port: 80, start-time: 10m }
`;
  const { manifest, problems } = checkManifest(text);
  assert.ok(manifest, JSON.stringify(problems));
  for (const one of manifest.services) {
    const { digest } = one.image;
    device.runtime.registry.set(digest, { digest, architecture: "amd64", sizeBytes: 1, user: "" });
  }
  return manifest;
}

const ends = (code: number): string => `command: [sh, -c, "exit ${code}"]`;
const stays = "command: [sh, -c, serve]";

const failureOf = (device: AppDevice) => device.apps.get("shelf").record.change?.failure;
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

/** Second after second, until the change was given up. */
async function givenUp(device: AppDevice): Promise<void> {
  const failure = () => failureOf(device);
  while (failure() === undefined || failure()?.retryAtMs !== undefined) {
    device.world.aheadMs += 1_000;
    device.apps.wake();
    for (let turns = 0; turns < 50; turns++) await turn();
  }
}

const ended: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
  ["the web page's part", { web: ends(3) }, /part "web" ended with the code 3/],
  [
    "another part, and none that had only to be done once",
    {
      once: ends(0),
      web: `${stays}, depends_on: { once: { condition: service_completed_successfully } }`,
      worker: ends(4),
    },
    /part "worker" ended with the code 4/,
  ],
  [
    "a part that others wait for",
    {
      store: `${ends(5)}, healthcheck: { test: [CMD, well] }`,
      web: `${stays}, depends_on: { store: { condition: service_healthy } }`,
    },
    /part "store" ended with the code 5/,
  ],
];

for (const [what, services, detail] of ended) {
  test(`where a part ends before the app has answered, its time to start is not waited for: ${what}`, async (context) => {
    const device = AppDevice.start(context);
    device.health = 500;
    device.apps.install({ manifest: parts(device, services), grants: [], settings: {} });
    await givenUp(device);
    assert.equal(failureOf(device)?.code, "not-started");
    assert.match(failureOf(device)?.detail ?? "", detail);
  });
}

test("an app that is killed while it starts is started again by itself", async (context) => {
  const device = AppDevice.start(context);
  device.health = 500;
  device.apps.install({ manifest: parts(device, { web: stays }), grants: [], settings: {} });
  const web = () => device.runtime.container("shelf.web.1");
  while ((await web())?.phase !== "running") await turn();
  const before = await web();
  device.runtime.lose("shelf.web.1");
  device.world.aheadMs += 1_000;
  while (failureOf(device) === undefined) await turn();
  assert.equal(failureOf(device)?.code, "not-started");
  assert.notEqual(failureOf(device)?.retryAtMs, undefined);
  device.health = 200;
  device.world.aheadMs += 2_000;
  device.apps.wake();
  await device.apps.settled("shelf", () => undefined);
  await device.apps.openRoute("shelf");
  const { change, notice, current } = device.apps.get("shelf").record;
  assert.deepEqual([change, notice, current?.manifest.version], [undefined, undefined, "1"]);
  assert.notEqual((await web())?.id, before?.id);
});

test("a part whose state cannot be found out while the app starts has not ended", async (context) => {
  const device = AppDevice.start(context);
  device.health = 500;
  const { runtime } = device;
  const looks = { refused: 0 };
  const container: ContainerRuntime["container"] = runtime.container.bind(runtime);
  runtime.container = async (name) => {
    try {
      return await container(name);
    } catch (error) {
      looks.refused += 1;
      throw error;
    }
  };
  device.apps.install({ manifest: parts(device, { web: stays }), grants: [], settings: {} });
  while ((await container("shelf.web.1"))?.phase !== "running") await turn();
  runtime.isAway = true;
  while (looks.refused < 3) {
    device.world.aheadMs += 1_000;
    await turn();
  }
  assert.equal(failureOf(device), undefined);
  runtime.isAway = false;
  device.health = 200;
  await device.apps.settled("shelf", () => undefined);
  await device.apps.openRoute("shelf");
});

test("an app that answers to its own name alone comes up, and so does the restored copy of it that is tried", async (context) => {
  const device = AppDevice.start(context);
  device.answersTo = "http://shelf.localhost";
  await device.install("shelf");
  await device.apps.openRoute("shelf");
  await device.backUp("shelf");
  const { trouble } = await device.drills.drill(device.newest("shelf").id, untold);
  assert.equal(trouble, undefined);
});

test("a part of which a full disk hides the state while the app starts has not ended", async (context) => {
  const device = AppDevice.start(context);
  device.health = 500;
  const { runtime } = device;
  const container: ContainerRuntime["container"] = runtime.container.bind(runtime);
  device.apps.install({ manifest: parts(device, { web: stays }), grants: [], settings: {} });
  while ((await container("shelf.web.1"))?.phase !== "running") await turn();
  const looks = { refused: 0 };
  runtime.container = () => {
    looks.refused += 1;
    return Promise.reject(diskFaults.fault("disk-full", "there is no room left for apps"));
  };
  while (looks.refused < 3 && failureOf(device) === undefined) {
    device.world.aheadMs += 1_000;
    await turn();
  }
  assert.equal(failureOf(device), undefined);
  runtime.container = container;
  device.health = 200;
  await device.apps.settled("shelf", () => undefined);
  await device.apps.openRoute("shelf");
});

test("an app that is not kept apart from the rest does not go on running, and its owner reads why and what to do", async (context) => {
  const device = AppDevice.start(context);
  device.runtime.unisolated.add("shelf.web.1");
  device.apps.install({ manifest: parts(device, { web: stays }), grants: [], settings: {} });
  await givenUp(device);
  const { code, detail, nextStep } = failureOf(device) ?? assert.fail("it failed");
  assert.equal(code, "not-started");
  assert.match(detail, /^It was stopped at once, because it was not kept apart/);
  assert.match(nextStep, /^Nothing runs that is not kept apart .* Restart the device, then try again/);
  const phases = (await device.runtime.containers()).map(({ phase }) => phase);
  assert.ok(!phases.includes("running"), phases.join(", "));
});

test("an update that would not be kept apart is undone, and the version before runs", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.runtime.unisolated.add("shelf.web.2");
  device.apps.update("shelf", { manifest: device.manifest("shelf", { version: "2" }), grants: [] });
  const { record } = device.apps.get("shelf");
  for (let looks = 0; device.apps.get("shelf").record.notice === undefined && looks < 1_000; looks++) {
    device.world.aheadMs += 1_000;
    device.apps.wake();
    for (let turns = 0; turns < 5; turns++) await turn();
  }
  const { notice, current } = device.apps.get("shelf").record;
  assert.deepEqual([notice?.kind, notice?.failure.code], ["update", "not-started"]);
  assert.equal(current?.manifest.version, record.current?.manifest.version);
  await device.apps.openRoute("shelf");
  assert.equal((await device.runtime.container("shelf.web.1"))?.phase, "running");
});
