/** Small development networks on which scenes play with apps; nothing of them is left afterwards. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Device, Network, type NetworkOptions, unmountBelow } from "@piccolo/devnet";

export interface AppScene {
  readonly name: string;
  readonly protection: NonNullable<NetworkOptions["protection"]>;
  /** Puts the images that come with the devices into the folder. */
  readonly bundle: (images: string) => void;
  /** With the first device, which has an owner. Where it throws, what the device said goes with the error. */
  readonly play: (device: Device) => Promise<void>;
}

/** Where a scene's network listens: each scene has a machine of its own. */
const ports = { centralPort: 8700, devicePort: 8701, peerPort: 8721 } as const;

/** Opened and not started; `images` is the folder of those that come with the devices. */
export function openAppNetwork(
  folder: string,
  options: Pick<NetworkOptions, "protection" | "devices" | "deviceArgs">,
  images?: string,
): Promise<Network> {
  return Network.open({
    folder: join(folder, "net"),
    ...ports,
    ...options,
    ...(images === undefined ? {} : { deviceArgs: () => ["--bundled-images", images] }),
  });
}

export async function onAppNetwork({ name, protection, bundle, play }: AppScene): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), `piccolo-${name}-`));
  const images = join(folder, "images");
  bundle(images);
  const network = await openAppNetwork(folder, { devices: 2, protection }, images);
  try {
    await network.central.start();
    await network.startDevice(1);
    const device = network.device(1);
    await network.claim(device);
    await play(device);
  } catch (error) {
    const log = readFileSync(join(folder, "net/logs/device1.log"), "utf8");
    throw new Error(`the device says:\n${log}`, { cause: error });
  } finally {
    await network.stop();
    unmountBelow(folder);
    rmSync(folder, { recursive: true, force: true });
  }
}
