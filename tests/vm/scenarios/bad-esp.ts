/** The partition of the boot loader as a power cut may leave it, or a disk that lies about what it wrote. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { predictionPath, ukiPath, writeEsp } from "@piccolo/release";
import { deadlineMs } from "../deadlines.ts";
import type { Scenario } from "../scenario.ts";
import { SealedDevice } from "../sealed-device.ts";

/** What firmware or boot loader say of a file that is no whole image; the signature is missed with the rest of it. */
const unloadable = /.*(?:Access [Dd]enied|Security Violation|[Ll]oad [Ee]rror|Error loading|Unsupported|Failed to).*/;

export const badEsp: Scenario = {
  name: "bad-esp",
  summary: "half-written files on the ESP: the device starts by what is whole, or the boot loader names what is not",
  set: "full",
  async run(context) {
    const { laboratory, folder } = context;
    const { shop } = laboratory;
    const image = await laboratory.image();
    const device = await SealedDevice.create(context, "device");
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

    // What only a disk does that loses what it said was written: half an image under its name, with a try. The boot loader
    // counts before it loads, so that switching the machine off and on is all there is to do.
    await write([{ source: half, path: ukiPath(2, 1) }]);
    const { machine } = device;
    machine.powerOn();
    const [said] = await machine.untilSays(unloadable, deadlineMs("firmwareSays"));
    context.say(`  half an image with a try: ${said}`);
    await machine.powerCut();
    await device.opens("after it was switched off and on");

    await write([{ source: half, path: ukiPath(1) }]);
    machine.powerOn();
    const [named] = await machine.untilSays(unloadable, deadlineMs("firmwareSays"));
    context.say(`  half an image, and no other: ${named}`);
    context.check("the boot loader names the file", /piccolo-1/.test(machine.serial.text));
    context.check("nothing of it was started", !/EFI stub|Linux version/.test(machine.serial.text));
    await machine.powerCut();
  },
};
