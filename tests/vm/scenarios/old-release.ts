/** A release that must not run any more is laid back onto the disk, genuine and signed as it is. */
import { join } from "node:path";
import { copyPartition } from "../partitions.ts";
import { triesOfWorking } from "../firmware-watch.ts";
import type { Scenario } from "../scenario.ts";
import { SealedDevice } from "../sealed-device.ts";

export const oldRelease: Scenario = {
  name: "old-release",
  summary:
    "once a release was found good that names a higher minimum, an older genuine one opens the volume no more; the newer one does",
  set: "full",
  async run(context) {
    const { laboratory } = context;
    const image = await laboratory.image();
    const device = await SealedDevice.create(context, "device");
    const { machine } = device;
    const asReleased = await machine.copyDisk(join(context.folder, "release-1.img"));
    await device.change(async (_place, disk) => {
      const second = await laboratory.addRelease(disk, image, 2, "watch", undefined);
      await laboratory.addRelease(disk, image, 3, "watch", triesOfWorking, { minimum: 2, beside: [second] });
    });
    machine.powerOn();
    await machine.untilAnswers();
    context.equal("on probation: phase", (await machine.client.status()).phase, "locked");
    await machine.untilTells(/"release-blessed".*piccolo-3\.efi/);
    await machine.untilTells(/"releases-removed"/);
    await machine.untilTells(/"minimum-release".*"minimum":2/);
    await machine.powerButton();

    // The whole partition with the release's files and its boot image, as they were; what the chip holds nobody can lay back.
    await device.change(async (_place, disk) => {
      for (const label of ["piccolo-root", "piccolo-esp"]) copyPartition(label, asReleased, disk);
    });
    await device.staysShut("an older release", ["release-too-old"]);
  },
};
