/** A thief has the disk in his own machine for an hour, and puts it back. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { deviceLayout, editExt4, execute, type Place, placeOf, writeVerityContent } from "@piccolo/release";
import type { Scenario } from "../scenario.ts";
import { changeOneByte, neverRan, objectOf } from "../sealed-device.ts";

/** What `piccolod-gave-up.service` says. */
const gaveUp = /the device's own program does not run; the machine starts again[\s\S]*READ-ME\.txt/;
const startsAgain = "this release cannot start here; the machine starts again";
/** What follows it. */
const advice = "repair the system from the stick[^]*READ-ME\\.txt";
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
    await third.untilSays(new RegExp(`the system on the disk is damaged[^]*${startsAgain}[^]*${advice}`));
    context.check(`no shell opened:\n${third.serial.tail}`, !prompt.test(third.serial.text));
    await third.powerCut();
  },
};

const noRelease = "the disk holds no release: write the installer to a USB stick and repair the system with it";

export const damagedRoot: Scenario = {
  name: "damaged-root",
  summary:
    "a root partition that is empty, that no longer is a file system, or that lost its releases: the screen says so and what to do, no shell opens, and the machine starts again",
  set: "full",
  async run(context) {
    const { laboratory } = context;
    const { tools, epochS } = laboratory.shop;
    const image = await laboratory.image();
    const edit = (place: Place, ...commands: string[]): Promise<unknown> => editExt4(place, commands, epochS, tools);
    const damages: Readonly<Record<string, readonly [(place: Place) => Promise<unknown>, ...string[]]>> = {
      zeros: [
        ({ disk, offset, sizeBytes }) =>
          execute("fallocate", ["--punch-hole", "--offset", String(offset), "--length", String(sizeBytes), disk]),
      ],
      "no-root-folder": [(place) => edit(place, "clri <2>")],
      "no-objects": [
        (place) => edit(place, "ln /ostree/repo/objects /ostree/repo/elsewhere", "unlink /ostree/repo/objects"),
        noRelease,
      ],
    };
    for (const [name, [damage, ...says]] of Object.entries(damages)) {
      const disk = await laboratory.copyDisk(image, name);
      await damage(placeOf(disk, deviceLayout, "piccolo-root"));
      const machine = await context.machine(name, disk);
      machine.powerOn();
      // One pattern: what comes first would else end the wait for what follows it.
      await machine.untilSays(new RegExp([...says, startsAgain, advice, "reboot: Restarting system"].join("[^]*")));
      context.check(`${name}: no shell opened:\n${machine.serial.tail}`, !prompt.test(machine.serial.text));
      await machine.powerCut();
    }
  },
};
