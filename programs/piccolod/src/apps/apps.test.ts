import assert from "node:assert/strict";
import { test } from "node:test";
import { engineFaults } from "@piccolo/storage/owner";
import { AppDevice } from "../../test-support/app-device.ts";

const wordOf = (device: AppDevice) => device.appStore.secretsOf(device.apps.get("shelf"))["WORD"];

test("where an app cannot be ended, the rules that keep it apart stay", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  assert.ok(device.isFiltered);
  device.runtime.isAway = true;
  await device.stop();
  assert.ok(device.isFiltered);
  device.runtime.isAway = false;
  device.start();
  await device.apps.openRoute("shelf");
  await device.stop();
  assert.ok(!device.isFiltered);
});

for (const hasData of [true, false]) {
  test(`a password that the app does not come up with is the former one again, ${hasData ? "with" : "without"} data`, async (context) => {
    const device = AppDevice.start(context);
    await device.install("shelf", { hasPassword: true, hasData });
    const [before] = await device.runtime.containers();
    const seen: (string | undefined)[] = [];
    device.storage.snapshotGate = async () => void seen.push(wordOf(device));
    device.health = 500;
    device.apps.configure("shelf", { settings: { WORD: "second" } });
    await assert.rejects(
      device.apps.settled("shelf", () => {
        if (device.apps.get("shelf").record.change?.phase === "starting") device.world.aheadMs += 600_000;
        if (device.apps.get("shelf").record.change === undefined) device.health = 200;
      }),
      { code: "not-healthy" },
    );
    device.health = 200;
    await device.apps.openRoute("shelf");
    assert.equal(wordOf(device), "first");
    assert.deepEqual(seen, hasData ? ["first"] : []);
    const [after] = await device.runtime.containers();
    assert.equal(after?.labels["piccolo.spec"], before?.labels["piccolo.spec"], "it runs as before");
  });
}

test("a password is the app's once the app has come up with it, also where that is cut off", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf", { hasPassword: true });
  const [before] = await device.runtime.containers();
  device.storage.snapshotFault = engineFaults.fault("version-busy", "the power is gone");
  device.apps.configure("shelf", { settings: { WORD: "second" } });
  while (device.apps.get("shelf").record.change?.failure === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await device.restart();
  assert.equal(wordOf(device), "first");
  device.world.aheadMs += 60_000;
  device.apps.wake();
  await device.apps.settled("shelf", () => undefined);
  assert.equal(wordOf(device), "second");
  const [after] = await device.runtime.containers();
  assert.notEqual(after?.labels["piccolo.spec"], before?.labels["piccolo.spec"]);
  assert.equal(device.apps.get("shelf").record.change, undefined);
});
