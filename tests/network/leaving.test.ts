/** An owner gives the device away and leaves the network with it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { NetworkView, Status } from "@piccolo/device-api";
import { type Device, Network, until } from "@piccolo/devnet";

const members = async ({ session }: Device): Promise<number> =>
  (await session.call<NetworkView>("GET", "/network")).members.length;

test("who resets a device and leaves is no member any more; who resets alone still is", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-leaving-"));
  const network = await Network.open({
    folder: join(folder, "network"),
    devices: 3,
    centralPort: 19_660,
    devicePort: 19_661,
    peerPort: 19_671,
  });
  context.after(async () => {
    await network.stop();
    rmSync(folder, { recursive: true });
  });
  await network.startWhole();
  const [staying, leaving, lost] = [1, 2, 3].map((number) => network.device(number)) as [Device, Device, Device];
  await until("all three are members", async () => (await members(staying)) === 3);
  const reset = async (device: Device, given: object): Promise<void> => {
    const { deviceName } = await device.session.call<Status>("GET", "/status");
    const { password } = device.record;
    await device.session.call("POST", "/factory-reset", { confirmation: deviceName, password, ...given });
    await until("it is as new", async () => {
      return (await device.session.call<Status>("GET", "/status")).phase === "unclaimed";
    });
  };
  await reset(leaving, { leaveNetwork: true });
  await until("the others know", async () => (await members(staying)) === 2 && (await members(lost)) === 2);
  await reset(lost, {});
  assert.equal(await members(staying), 2);
});
