/** What is wrong with the machine itself is said, with what to do about it, by whatever can still speak. */
import { join } from "node:path";
import { createDisk, deviceLayout } from "@piccolo/release";
import { deadlineMs } from "../deadlines.ts";
import type { Scenario } from "../scenario.ts";

export const badMachine: Scenario = {
  name: "bad-machine",
  summary:
    "started by a BIOS, without a security chip, without a network, with a clock at 1970: it says so, and what to do",
  set: "full",
  async run(context) {
    const { laboratory, folder } = context;
    const { shop } = laboratory;

    // An empty disk with the partition table of every disk that is built.
    const empty = join(folder, "empty.img");
    await createDisk(empty, deviceLayout, shop.tools);
    const small = { memoryMebibytes: 256, processors: 1, network: false, tpm: false };
    const old = await context.machine("bios", empty, "enforcing", { ...small, bios: true });
    old.powerOn();
    await old.untilSays(
      /does not start in the old way[\s\S]*choose UEFI there[\s\S]*start again\./,
      deadlineMs("firmwareSays"),
    );
    context.check("started by a BIOS, the disk says what to change", true);
    await old.powerCut();

    const image = await laboratory.image();
    const chipless = await context.machine("no-chip", image.disk, "enforcing", { tpm: false, unplugged: true });
    chipless.powerOn();
    // Only the screen can say it, which the serial line shows as well.
    await chipless.untilSays(/there is no TPM to open[\s\S]*switch it on in the firmware set-up/);
    await chipless.untilSays(/The device has no network: connect it to your router by a cable/);
    context.check("without chip and network the screen says both", true);
    const shown = chipless.serial.text.length;
    await chipless.plugIn();
    await chipless.untilAnswers();
    const status = await chipless.client.status();
    context.equal("without a chip", [status.phase, status.reasons[0]?.code], ["closed", "tpm-missing"]);
    context.equal("what opens it", status.opensWith, []);
    await chipless.untilSays(/Open https:\/\/piccolo\.local/, deadlineMs("line"), shown);
    context.check(
      "with the cable in, the screen asks for none",
      !chipless.serial.text.slice(shown).includes("has no network"),
    );
    await chipless.powerCut();

    const lost = await context.machine("lost-time", image.disk, "enforcing", {
      clock: "1970-01-01T00:00:40",
      isolated: true,
    });
    lost.powerOn();
    await lost.untilAnswers();
    const late = await lost.client.status();
    context.equal("a clock at 1970", [late.phase, late.clock.state], ["unclaimed", "forgotten"]);
    await lost.untilSays(/The clock lost the time: connect .* or set the clock in the firmware set-up/);
    context.check("it takes a time that can be", late.serverTimeMs > Date.UTC(2025, 0, 1));
    await lost.powerCut();
  },
};
