/** The partition of the boot loader as a power cut may leave it, or a disk that lies about what it wrote. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { predictionPath, ukiPath, writeEsp } from "@piccolo/release";
import type { Scenario } from "../scenario.ts";
import { SealedDevice } from "../sealed-device.ts";

export const badEsp: Scenario = {
  name: "bad-esp",
  summary: "half-written files on the ESP: the device starts by what is whole, or the boot loader names what is not",
  set: "full",
  async run(context) {
    const { laboratory, folder } = context;
    const { shop } = laboratory;
    const image = await laboratory.image();
    const device = await SealedDevice.create(context, "device", image);
    const file = (name: string, content: Uint8Array | string): string => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const whole = readFileSync(image.uki);
    const half = file("half.efi", whole.subarray(0, whole.length >> 1));
    const empty = file("empty", "");
    const write = (files: readonly { readonly source: string; readonly path: string }[]): Promise<void> =>
      device.change((place) => writeEsp(place("piccolo-esp"), files, shop.epochS, shop.tools));

    // What an update leaves that was cut off: it gives a boot image its name once the image is whole.
    await write([
      { source: half, path: `${ukiPath(2, 3)}.part` },
      { source: empty, path: predictionPath(2) },
      { source: empty, path: "loader/loader.conf" },
    ]);
    await device.opens("an update that was cut off");

    // What only a disk does that loses what it said was written: half an image under its name, with tries.
    await write([{ source: half, path: ukiPath(2, 1) }]);
    const { machine } = device;
    machine.powerOn();
    await machine.untilSays(/(?:Error loading|Failed|[Dd]enied).*|Load [Ee]rror/, 120_000);
    context.say(`  ${machine.serial.tail}`);
    await machine.untilAnswers(600_000);
    context.check("half an image with tries is passed over", true);
    await machine.powerCut();
  },
};
