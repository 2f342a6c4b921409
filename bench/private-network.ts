/** Ten devices for a benchmark, as the drills have them: real processes, every owner a member. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Network, type NetworkOptions } from "@piccolo/devnet";

const ports = { centralPort: 18_800, devicePort: 18_801, peerPort: 18_831 };

/** The folder on the file system that all compared programs write to. */
export const benchFolder = join(import.meta.dirname, "../.piccolo/bench");

export async function withNetwork<T>(
  options: Pick<NetworkOptions, "deviceArgs" | "piccolod">,
  work: (network: Network) => Promise<T>,
): Promise<T> {
  const folder = join(benchFolder, "network");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const network = await Network.open({ folder, devices: 10, ...ports, ...options });
  try {
    await network.startWhole();
    await Promise.all(network.devices.map((device) => network.allOnline(device)));
    return await work(network);
  } finally {
    await network.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
