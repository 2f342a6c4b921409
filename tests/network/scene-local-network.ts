import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Network, until } from "@piccolo/devnet";

interface View {
  readonly members: readonly { readonly online: boolean; readonly self: boolean; readonly path: string }[];
}

const folder = mkdtempSync(join(tmpdir(), "piccolo-local-network-"));
const network = await Network.open({ folder, devices: 2, centralPort: 8700, devicePort: 8701, peerPort: 8721 });
try {
  await network.startWhole();
  const [first, second] = network.devices;
  assert.ok(first !== undefined && second !== undefined);
  const seesOther = async (): Promise<boolean> => {
    const { members } = await first.session.call<View>("GET", "/network");
    return members.some(({ self, online, path }) => !self && online && path === "direct");
  };
  const restart = async (port: number, extra: readonly string[]): Promise<void> => {
    await Promise.all([first.process.stop(), second.process.stop()]);
    for (const device of [first, second]) {
      const listen = `/ip4/127.0.0.1/tcp/${port + device.number}`;
      await network.startDevice(device.number, ["--peer-listen", listen, ...extra]);
      await network.claim(device);
    }
  };
  await network.central.stop();

  // Without multicast DNS, which is off unless asked for, there is no way they could know the new addresses.
  await restart(8740, []);
  await new Promise((resolve) => setTimeout(resolve, 8_000));
  assert.equal(await seesOther(), false, "the device was found though nothing could tell where it is");

  await restart(8750, ["--mdns"]);
  await until("the members have found each other by multicast DNS", seesOther);
} finally {
  await network.stop();
  rmSync(folder, { recursive: true, force: true });
}
