/** A thief has the disk in his own machine for an hour, and puts it back. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { deviceLayout, editExt4, placeOf, writeVerityContent } from "@piccolo/release";
import type { Scenario } from "../scenario.ts";
import { changeOneByte, neverRan, objectOf } from "../sealed-device.ts";

/** What `piccolod-gave-up.service` says. */
const gaveUp = /the device's own program does not run; the machine starts again[\s\S]*READ-ME\.txt/;
const prompt = /[#$] $|login:|Press Enter for maintenance|emergency mode/m;

export const changedDisk: Scenario = {
  name: "changed-disk",
  summary:
    "one byte of piccolod changed, piccolod replaced, or systemd gone from the disk: nothing of it runs, no shell opens, and the screen says what to do",
  set: "core",
  async run(context) {
    const { laboratory } = context;
    const { shop } = laboratory;
    const image = await laboratory.image();
    const daemon = await objectOf(laboratory, image, "/usr/lib/piccolo/piccolod");

    const byte = await laboratory.copyDisk(image, "one-byte");
    await changeOneByte(laboratory, byte, daemon);
    const first = await context.machine("one-byte", byte);
    first.powerOn();
    await first.untilSays(/FILE CORRUPTED!/);
    context.check("the kernel noticed the byte, and nothing of piccolod runs", await neverRan(first));
    const [said] = await first.untilSays(gaveUp);
    context.check("its owner hears what to do", said.includes("repair the system"));
    await first.powerCut();

    const replaced = await laboratory.copyDisk(image, "replaced");
    const own = join(context.folder, "own-program");
    writeFileSync(own, `#!/usr/lib/piccolo/sh\necho "attacker runs" > /dev/console\n${"#".repeat(5_000)}\n`);
    await writeVerityContent(placeOf(replaced, deviceLayout, "piccolo-root"), own, daemon, shop.epochS, shop.tools);
    const second = await context.machine("replaced", replaced);
    second.powerOn();
    await second.untilSays(/Failed to start.*piccolod\.service|has the wrong fs-verity digest/);
    await second.untilSays(gaveUp);
    context.check("the attacker's program did not run", !second.serial.text.includes("attacker runs"));
    await second.powerCut();

    const damaged = await laboratory.copyDisk(image, "damaged");
    await editExt4(
      placeOf(damaged, deviceLayout, "piccolo-root"),
      [`rm ${await objectOf(laboratory, image, "/usr/lib/systemd/systemd")}`],
      shop.epochS,
      shop.tools,
    );
    const third = await context.machine("damaged", damaged);
    third.powerOn();
    await third.untilSays(/reboot: Restarting system|starts again|Kernel panic/);
    context.check(`no shell opened:\n${third.serial.tail}`, !prompt.test(third.serial.text));
    await third.powerCut();
  },
};
