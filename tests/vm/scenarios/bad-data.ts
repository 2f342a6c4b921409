/** What can become of the data partition: each state is named, nothing is taken for a fresh device, and what can be mended is. */
import { closeSync, openSync, statSync, truncateSync, writeSync } from "node:fs";
import { deviceLayout, editExt4, mebibyte, type Place, writeTable } from "@piccolo/release";
import type { Scenario } from "../scenario.ts";
import { SealedDevice } from "../sealed-device.ts";

/** The header of LUKS2 twice, and its key slots: all that lies before the data. */
const headerBytes = mebibyte;

function overwrite(
  { disk, offset }: Pick<Place, "disk" | "offset">,
  bytes: number,
  by: string | number = "what somebody wrote here. ",
): void {
  const file = openSync(disk, "r+");
  try {
    writeSync(file, Buffer.alloc(bytes, by), 0, bytes, offset);
  } finally {
    closeSync(file);
  }
}

export const badData: Scenario = {
  name: "bad-data",
  summary:
    "two data partitions, none, a damaged header or zeros: the device names it, and opens again once it is mended",
  set: "full",
  async run(context) {
    const { shop } = context.laboratory;
    const { tools } = shop;
    const device = await SealedDevice.create(context, "device");

    const [data] = deviceLayout.slice(-1);
    if (data === undefined) throw new Error("the layout has no partition");
    await device.change(async (_place, disk) => {
      truncateSync(disk, statSync(disk).size + 64 * mebibyte);
      await writeTable(disk, [...deviceLayout, { ...data, mebibytes: 32 }], tools);
    });
    await device.staysShut("two data partitions", ["volume-two-partitions"]);

    await device.change(async (_place, disk) => {
      await writeTable(disk, [...deviceLayout.slice(0, -1), { ...data, label: "somebody-else" }], tools);
    });
    await device.staysShut("no data partition", ["volume-missing"]);

    // Its own again; of the header, all that cryptsetup and the daemon keep on the partition itself is lost.
    await device.change(async (place, disk) => {
      await writeTable(disk, deviceLayout, tools);
      overwrite(place("piccolo-data"), headerBytes);
    });
    await device.opens("both headers damaged, and the copy outside whole");

    await device.change(async (place) => overwrite(place("piccolo-data"), headerBytes, 0));
    await device.opens("zeros in the place of both headers, and the copy outside whole");

    await device.change(async (place) => overwrite(place("piccolo-data"), 4096));
    await device.opens("the first header damaged");

    await device.change(async (place) => {
      overwrite(place("piccolo-data"), headerBytes);
      await editExt4(place("piccolo-outside"), ["rm /volume-header"], shop.epochS, tools);
    });
    await device.staysShut("both headers damaged, and the copy gone", ["volume-damaged"]);

    await device.change(async (place) => overwrite(place("piccolo-data"), headerBytes, 0));
    await device.staysShut("zeros in the place of both headers, and the copy gone", ["volume-missing"]);
  },
};
