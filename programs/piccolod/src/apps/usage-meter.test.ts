import assert from "node:assert/strict";
import { test } from "node:test";
import type { World } from "@piccolo/world";
import { AppDevice } from "../../test-support/app-device.ts";
import type { ContainerUsage } from "./runtime/container-runtime.ts";
import type { AppStore } from "./store.ts";
import { UsageMeter } from "./usage-meter.ts";
import type { UsagePoint } from "./usage-series.ts";

const usage: ContainerUsage = {
  name: "shelf.web.1",
  cpuMs: 1,
  memoryBytes: 1_024,
  memoryLimitBytes: 4_096,
  processes: 1,
  receivedBytes: 0,
  sentBytes: 0,
  readBytes: 0,
  writtenBytes: 0,
};

/** What is measured of an app, once for each of these looks at its volumes. */
async function measured(looks: readonly (() => Readonly<Record<string, number>>)[]): Promise<readonly UsagePoint[]> {
  const stopping = new AbortController();
  const left = [...looks];
  const world: Pick<World, "nowMs" | "sleep"> = {
    nowMs: () => (looks.length - left.length) * 5_000,
    sleep: async () => {
      if (left.length === 0) stopping.abort(new Error("all was looked at"));
    },
  };
  const meter = new UsageMeter({
    runtime: { usage: () => Promise.resolve([usage]) },
    storage: { usedBytes: (app) => (assert.equal(app, "shelf"), (left.shift() ?? assert.fail())()) },
    store: { all: () => [{ record: { app: "shelf" }, installedAtMs: 0 }] } as unknown as Pick<AppStore, "all">,
    world: world as World,
  });
  await meter.run(stopping.signal);
  return meter.of("shelf", 0);
}

const failing = (error: Error) => (): never => {
  throw error;
};

test("what an app keeps on the disk is measured with everything else, all its volumes together", async () => {
  const points = await measured([() => ({ data: 1_000, cache: 500 }), () => ({ data: 4_000, cache: 0 }), () => ({})]);
  assert.deepEqual(
    points.map(({ diskBytes }) => diskBytes),
    [1_500, 4_000, 0],
  );
});

test("where its volumes cannot be looked at, what it keeps is not known and the rest is; a bug is none of that", async () => {
  const refused = Object.assign(new Error("EIO: i/o error, stat"), { code: "EIO", errno: -5 });
  const points = await measured([failing(refused), () => ({ data: 1 })]);
  assert.deepEqual(
    points.map(({ diskBytes, memoryBytes }) => [diskBytes, memoryBytes]),
    [
      [undefined, 1_024],
      [1, 1_024],
    ],
  );
  await assert.rejects(measured([failing(new TypeError("a bug"))]), TypeError);
});

test("an app that is installed again begins with nothing of what the one before used", async (context) => {
  const device = AppDevice.start(context);
  const stopping = new AbortController();
  let measure = (): void => undefined;
  const world = Object.assign(Object.create(device.world) as typeof device.world, {
    sleep: () => new Promise<void>((resolve) => (measure = resolve)),
  });
  const meter = new UsageMeter({ runtime: device.runtime, storage: device.storage, store: device.appStore, world });
  const points = (): number => {
    const { record, installedAtMs } = device.apps.get("shelf");
    return meter.of(record.app, installedAtMs).length;
  };
  const measured = async (): Promise<void> => {
    measure();
    await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const running = meter.run(stopping.signal);
  await device.install("shelf");
  for (let round = 0; round < 3; round++) await measured();
  assert.equal(points(), 3);
  device.apps.remove("shelf");
  await device.apps.settled("shelf", () => undefined);
  await device.install("shelf");
  assert.equal(points(), 0);
  await measured();
  assert.equal(points(), 1);
  stopping.abort();
  await measured();
  await running;
});
