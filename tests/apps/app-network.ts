/** A small development network on which a scene plays with apps; nothing of it is left afterwards. */
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

export async function onAppNetwork({ name, protection, bundle, play }: AppScene): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), `piccolo-${name}-`));
  const images = join(folder, "images");
  bundle(images);
  const network = await Network.open({
    folder: join(folder, "net"),
    devices: 2,
    centralPort: 8700,
    devicePort: 8701,
    peerPort: 8721,
    protection,
    deviceArgs: () => ["--bundled-images", images],
  });
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
