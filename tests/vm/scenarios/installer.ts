/** From a stick and an empty machine to a device. */
import { join } from "node:path";
import type { Scenario } from "../scenario.ts";

export const installer: Scenario = {
  name: "installer",
  summary:
    "a stick enrols the keys in a machine in setup mode and writes its disk; without the stick it starts as a device",
  set: "full",
  async run(context) {
    const { tools } = context.laboratory.shop;
    const stick = await context.laboratory.installer();
    const secondDisk = join(context.folder, "internal.qcow2");
    await tools.run("qemu-img", ["create", "-q", "-f", "qcow2", secondDisk, "12G"]);
    const machine = await context.machine("installing", stick, "setup-mode", { secondDisk });
    machine.powerOn();
    await machine.untilSays(/UEFI Secure Boot is enabled/, 300_000);
    context.check("the keys were enrolled before anything was started", true);
    await machine.untilSays(/Piccolo-OS is installed|Nothing was written/, 900_000);
    context.check("it was installed", machine.serial.text.includes("Piccolo-OS is installed"));
    await machine.untilOff(120_000);

    const variables = join(context.folder, "installing", "variables.fd");
    const device = await context.machine("device", secondDisk, { variables });
    device.powerOn();
    context.figure("installed device, power-on to portal", Math.round((await device.untilAnswers()) / 100) / 10, "s");
    context.check("Secure Boot is on", device.serial.text.includes("UEFI Secure Boot is enabled"));
    await device.powerCut();

    // The same stick in a machine whose disk has something on it.
    const again = await context.machine("again", stick, { variables }, { secondDisk });
    again.powerOn();
    await again.untilSays(/is not empty.*erase-the-disk/, 600_000);
    context.check("nothing is erased unasked", again.serial.text.includes("Nothing was written"));
  },
};
