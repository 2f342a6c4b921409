import assert from "node:assert/strict";
import { test } from "node:test";
import { AppDevice } from "../../test-support/app-device.ts";
import { UsageMeter } from "./usage-meter.ts";

test("an app that is installed again begins with nothing of what the one before used", async (context) => {
  const device = AppDevice.start(context);
  const stopping = new AbortController();
  let measure = (): void => undefined;
  const world = Object.assign(Object.create(device.world) as typeof device.world, {
    sleep: () => new Promise<void>((resolve) => (measure = resolve)),
  });
  const meter = new UsageMeter({ runtime: device.runtime, store: device.appStore, world });
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
