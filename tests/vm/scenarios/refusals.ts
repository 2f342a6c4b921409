/** What firmware and boot loader do not start. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createDisk, deviceLayout, formatEsp, placeOf, signForFirmware, ukiPath, writeEsp } from "@piccolo/release";
import { deadlineMs } from "../deadlines.ts";
import type { Scenario } from "../scenario.ts";

/** Neither firmware nor boot loader says more; a machine that goes on would show its kernel. */
const refused = /Access [Dd]enied|Security Violation/;

export const refusals: Scenario = {
  name: "refusals",
  summary: "boot loader or boot image unsigned, signed by another key, or changed by one byte: nothing starts",
  set: "core",
  async run(context) {
    const { laboratory } = context;
    const { shop } = laboratory;
    const image = await laboratory.image();
    const foreign = await laboratory.keySet("foreign-keys");
    const made = (name: string): string => join(context.folder, name);
    await signForFirmware(image.unsigned.loader, made("foreign-loader.efi"), [foreign], shop.epochS, shop.tools);
    await signForFirmware(image.unsigned.uki, made("foreign-image.efi"), [foreign], shop.epochS, shop.tools);
    const changed = readFileSync(image.uki);
    const middle = Math.floor(changed.length / 2);
    changed[middle] = (changed[middle] ?? 0) ^ 1;
    writeFileSync(made("changed-image.efi"), changed);
    const cases = {
      "unsigned-loader": { loader: image.unsigned.loader, uki: image.uki },
      "foreign-loader": { loader: made("foreign-loader.efi"), uki: image.uki },
      "unsigned-image": { loader: image.loader, uki: image.unsigned.uki },
      "foreign-image": { loader: image.loader, uki: made("foreign-image.efi") },
      "changed-image": { loader: image.loader, uki: made("changed-image.efi") },
    };
    for (const [name, { loader, uki }] of Object.entries(cases)) {
      const disk = made(`${name}.img`);
      await createDisk(disk, deviceLayout, shop.tools);
      const esp = placeOf(disk, deviceLayout, "piccolo-esp");
      await formatEsp(esp, shop.epochS, shop.tools);
      const files = [
        { source: loader, path: "EFI/BOOT/BOOTX64.EFI" },
        { source: uki, path: ukiPath(1) },
      ];
      await writeEsp(esp, files, shop.epochS, shop.tools);
      const small = { memoryMebibytes: 512, processors: 1, network: false, tpm: false };
      const machine = await context.machine(name, disk, "enforcing", small);
      machine.powerOn();
      const [said] = await machine.untilSays(refused, deadlineMs("firmwareSays"));
      context.check(`${name}: ${said}`, !/Linux version|EFI stub/.test(machine.serial.text));
      await machine.powerCut();
    }
  },
};
