/** A thief has the disk in his own machine for an hour, and puts it back. */
import { closeSync, openSync, readSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { askExt4, deviceLayout, editExt4, placeOf, type ReleaseImage, writeVerityContent } from "@piccolo/release";
import type { Laboratory } from "../laboratory.ts";
import type { Scenario } from "../scenario.ts";

/** Where the content of a path of the root lies in the disk's repository. */
async function objectOf({ shop }: Laboratory, image: ReleaseImage, path: string): Promise<string> {
  const { repository, checksum } = image.commit;
  const line = await shop.tools.text("ostree", [`--repo=${repository}`, "ls", "-C", checksum, path]);
  const object = /\b([0-9a-f]{64})\b/.exec(line)?.[1] ?? "";
  return `/ostree/repo/objects/${object.slice(0, 2)}/${object.slice(2)}.file`;
}

/** Turns one bit of a file's content around, on the disk itself. */
async function changeOneByte(laboratory: Laboratory, disk: string, file: string): Promise<void> {
  const { shop } = laboratory;
  const place = placeOf(disk, deviceLayout, "piccolo-root");
  const block = Number(await askExt4(place, `bmap ${file} 300`, shop.tools));
  if (!Number.isSafeInteger(block) || block <= 0) throw new Error(`${file} has no block 300`);
  const byte = Buffer.alloc(1);
  const opened = openSync(disk, "r+");
  try {
    const at = place.offset + block * 4096 + 77;
    readSync(opened, byte, 0, 1, at);
    byte[0] = (byte[0] ?? 0) ^ 1;
    writeSync(opened, byte, 0, 1, at);
  } finally {
    closeSync(opened);
  }
}

const prompt = /[#$] $|login:|Press Enter for maintenance|emergency mode/m;

export const changedDisk: Scenario = {
  name: "changed-disk",
  summary:
    "one byte of piccolod changed, piccolod replaced, or a library gone from the disk: nothing of it runs, and no shell opens",
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
    context.check("the kernel noticed the byte", true);
    await first.powerCut();

    const replaced = await laboratory.copyDisk(image, "replaced");
    const own = join(context.folder, "own-program");
    writeFileSync(own, `#!/usr/lib/piccolo/sh\necho "attacker runs" > /dev/console\n${"#".repeat(5_000)}\n`);
    await writeVerityContent(placeOf(replaced, deviceLayout, "piccolo-root"), own, daemon, shop.epochS, shop.tools);
    const second = await context.machine("replaced", replaced);
    second.powerOn();
    await second.untilSays(/Failed to start.*piccolod\.service|has the wrong fs-verity digest/);
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
