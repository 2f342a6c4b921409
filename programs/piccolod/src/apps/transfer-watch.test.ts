import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { AppDevice } from "../../test-support/app-device.ts";
import { firstRespiteMs } from "./transfer-watch.ts";

interface Pull {
  /** The image has come. */
  readonly arrive: () => void;
  /** Resolves when it was broken off. */
  readonly ended: Promise<unknown>;
}

const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

/** An app of which an update is being fetched, and the pulls as they begin. */
async function fetching(
  context: TestContext,
  before: (device: AppDevice) => Promise<void> = () => Promise.resolve(),
): Promise<{
  readonly device: AppDevice;
  readonly next: () => Promise<Pull>;
}> {
  const device = AppDevice.start(context);
  await device.install("shelf");
  await before(device);
  const begun: Pull[] = [];
  device.runtime.pullGate = (_, signal) => {
    const arrived = Promise.withResolvers<void>();
    const ended = new Promise((resolve) => {
      signal?.addEventListener("abort", () => {
        resolve(signal.reason);
        arrived.reject(signal.reason as Error);
      });
    });
    begun.push({ arrive: () => arrived.resolve(), ended });
    return arrived.promise;
  };
  context.after(() => (device.runtime.pullGate = () => Promise.resolve()));
  device.apps.update("shelf", { manifest: device.manifest("shelf", { version: "2" }), grants: [] });
  const next = async (): Promise<Pull> => {
    while (begun.length === 0) await soon();
    return begun.shift() ?? assert.fail();
  };
  return { device, next };
}

test("a part that ends while an update is fetched is started again first, and the fetch goes on after it", async (context) => {
  const { device, next } = await fetching(context);
  const first = await next();
  device.runtime.end("shelf.web.1", 1);
  await first.ended;
  const second = await next();
  assert.equal((await device.runtime.container("shelf.web.1"))?.phase, "running");
  assert.equal(device.apps.routeOf("shelf").kind, "open");
  assert.equal(device.apps.get("shelf").record.change?.failure, undefined);
  second.arrive();
  await device.apps.settled("shelf", () => undefined);
  assert.equal(device.apps.get("shelf").record.current?.manifest.version, "2");
});

test("an app that ends again and again does not keep the update away that mends it", async (context) => {
  const { device, next } = await fetching(context);
  let pull = await next();
  device.runtime.end("shelf.web.1", 1);
  await pull.ended;
  for (const respiteMs of [firstRespiteMs, 2 * firstRespiteMs]) {
    pull = await next();
    assert.equal((await device.runtime.container("shelf.web.1"))?.phase, "running");
    let isEnded = false;
    const ended = pull.ended.then(() => (isEnded = true));
    device.world.aheadMs += respiteMs / 2;
    device.runtime.end("shelf.web.1", 1);
    device.apps.wake();
    for (let turn = 0; turn < 20; turn++) await soon();
    assert.ok(!isEnded, `within ${respiteMs}`);
    device.world.aheadMs += respiteMs / 2;
    device.apps.wake();
    await ended;
  }
  pull = await next();
  device.runtime.end("shelf.web.1", 1);
  pull.arrive();
  await device.apps.settled("shelf", () => undefined);
  assert.equal(device.apps.get("shelf").record.current?.manifest.version, "2");
});

test("looks at an app that is well leave what is fetched alone", async (context) => {
  const { device, next } = await fetching(context);
  const pull = await next();
  let isEnded = false;
  void pull.ended.then(() => (isEnded = true));
  for (let look = 0; look < 5; look++) {
    device.apps.wake();
    await soon();
  }
  assert.ok(!isEnded);
  pull.arrive();
  await device.apps.settled("shelf", () => undefined);
});

test("a copy that has come into the network meanwhile goes without breaking off what is fetched", async (context) => {
  const { device, next } = await fetching(context, async ({ apps }) => {
    apps.backUp("shelf");
    await apps.settled("shelf", () => undefined);
  });
  const pull = await next();
  let isEnded = false;
  void pull.ended.then(() => (isEnded = true));
  const [copy = assert.fail("a copy is here")] = device.apps.get("shelf").record.backups;
  device.backups.restored.forgetCopy("shelf", copy.id);
  for (let turn = 0; turn < 20; turn++) await soon();
  assert.ok(!isEnded);
  pull.arrive();
  await device.apps.settled("shelf", () => undefined);
  assert.ok(!device.storage.snapshots().has(copy.id));
});
