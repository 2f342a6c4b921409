/** From a stick and an empty machine to a device. */
import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  closeSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { biosBootCode, bootCodeBytes, installerLayout, placeOf, ukiPath, writeEsp } from "@piccolo/release";
import { deadlineMs } from "../deadlines.ts";
import { layerHas, type MachineOptions } from "../machine.ts";
import { refusalOf } from "../refusal.ts";
import type { Scenario } from "../scenario.ts";
import { SealedDevice } from "../sealed-device.ts";

const claimCode = "k7f2-qxm3";
const password = "a password nobody would guess";

/** A PC: the stick is in one of its USB sockets, the network card on its board. */
const pc = { diskBus: "usb", card: "e1000e" } as const satisfies Partial<MachineOptions>;

function firstBytes(disk: string): Uint8Array {
  const file = openSync(disk, "r");
  try {
    const bytes = new Uint8Array(bootCodeBytes);
    readSync(file, bytes, 0, bytes.length, 0);
    return bytes;
  } finally {
    closeSync(file);
  }
}

export const installer: Scenario = {
  name: "installer",
  summary:
    "a stick enrols the keys in a machine in setup mode and writes its disk, which starts as a device without it and takes the claim code its owner put on the stick",
  set: "full",
  async run(context) {
    const { tools, epochS } = context.laboratory.shop;
    const stick = await context.laboratory.installer(join(context.folder, "stick.img"));
    const given = join(context.folder, "claim-code");
    writeFileSync(given, `${claimCode}\r\n`);
    const code = [{ source: given, path: "claim-code" }];
    await writeEsp(placeOf(stick, installerLayout, "piccolo-installer"), code, epochS, tools);
    const secondDisk = join(context.folder, "internal.qcow2");
    await tools.run("qemu-img", ["create", "-q", "-f", "qcow2", secondDisk, "12G"]);
    const machine = await context.machine("installing", stick, "setup-mode", {
      ...pc,
      secondDisk,
      secondDiskBus: "nvme",
    });
    machine.powerOn();
    const seconds = (): number => Math.round((performance.now() - machine.poweredOnMs) / 100) / 10;
    await machine.untilSays(/keys successfully enrolled/, deadlineMs("stick"));
    await machine.untilSays(/UEFI Secure Boot is enabled/, deadlineMs("stick"));
    const { text } = machine.serial;
    const started = text.search(/EFI stub|Linux version/);
    context.check(
      "the keys were enrolled before anything of ours was started",
      started > 0 && text.search(/keys successfully enrolled/) < started,
    );
    const ended = await machine.untilSays(/Piccolo-OS is installed|Nothing was written/, deadlineMs("stick"));
    context.equal("it was installed", ended[0], "Piccolo-OS is installed");
    context.check("onto the disk inside", machine.serial.text.includes("writing to /dev/nvme0n1"));
    context.figure("stick, power-on to installed", seconds(), "s");
    await machine.untilOff();

    const variables = join(context.folder, "installing", "variables.fd");
    const disk = join(context.folder, "internal.img");
    await tools.run("qemu-img", ["convert", "-O", "raw", secondDisk, disk]);
    context.check(
      "the disk, too, says what a BIOS has to be set to",
      Buffer.compare(firstBytes(disk), biosBootCode()) === 0,
    );
    const device = await context.machine("device", disk, { variables }, { ...pc, diskBus: "nvme" });
    device.powerOn();
    context.figure("installed device, power-on to portal", Math.round((await device.untilAnswers()) / 100) / 10, "s");
    context.check("Secure Boot is on", device.serial.text.includes("UEFI Secure Boot is enabled"));
    await device.untilSays(/Claim code: the one given to the installer/, deadlineMs("line"));
    context.equal(
      "another code",
      await refusalOf(device.client.session().claim("K7F2-QXM4", "Eve", password)),
      "wrong-claim-code",
    );
    const phrase = await device.client.session().claim(claimCode, "Ada", password);
    context.equal("words of the phrase, by the code of the stick", phrase.split(" ").length, 24);
    await device.powerCut();
  },
};

export const installerAgain: Scenario = {
  name: "installer-again",
  summary: "the stick in a machine whose disk has something on it: nothing is erased unless the stick says so",
  set: "full",
  async run(context) {
    const { tools, epochS } = context.laboratory.shop;
    const stick = await context.laboratory.installer(join(context.folder, "stick.img"));
    const secondDisk = join(context.folder, "internal.qcow2");
    const { disk } = await context.laboratory.image();
    await tools.run("qemu-img", ["create", "-q", "-f", "qcow2", "-b", disk, "-F", "raw", secondDisk]);
    // A firmware that has the keys, and whose owner chose the stick in its menu: its own list would name the disk first.
    const inside = { ...pc, secondDiskBus: "ahci" } as const;
    const again = await context.machine("again", stick, "enforcing", { ...inside, secondDisk });
    again.powerOn();
    await again.untilSays(/is not empty[^\n]*erase-the-disk/, deadlineMs("stick"));
    await again.untilSays(/Nothing was written/, deadlineMs("line"));
    context.check("nothing is erased unasked", !again.serial.text.includes("writing to"));
    await again.powerCut();
    const all = { offset: 0, sizeBytes: statSync(disk).size };
    context.equal("a byte of the disk was written", await layerHas(secondDisk, all, tools), false);

    // What is encrypted as a whole has nothing on it that anybody knows.
    const unknown = join(context.folder, "unknown.img");
    writeFileSync(unknown, "");
    truncateSync(unknown, all.sizeBytes - 512);
    appendFileSync(unknown, randomBytes(512));
    const unknownDisk = join(context.folder, "unknown.qcow2");
    await tools.run("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", unknown, unknownDisk]);
    const beside = await context.machine("beside-unknown", stick, "enforcing", { ...inside, secondDisk: unknownDisk });
    beside.powerOn();
    await beside.untilSays(/is not empty[^\n]*erase-the-disk/, deadlineMs("stick"));
    context.check("nor what nobody can name", !beside.serial.text.includes("writing to"));
    await beside.powerCut();

    const asked = join(context.folder, "erase-the-disk");
    writeFileSync(asked, "");
    const place = placeOf(stick, installerLayout, "piccolo-installer");
    await writeEsp(place, [{ source: asked, path: "erase-the-disk" }], epochS, tools);
    const erasing = await context.machine("erasing", stick, "enforcing", { ...inside, secondDisk });
    erasing.powerOn();
    await erasing.untilSays(/writing to \/dev\/sd[ab]\b/, deadlineMs("stick"));
    await erasing.untilSays(/Piccolo-OS is installed/, deadlineMs("stick"));
    await erasing.untilOff();
    context.check("what the owner has allowed is erased", await layerHas(secondDisk, all, tools));
  },
};

export const installerRepairs: Scenario = {
  name: "installer-repairs",
  summary:
    "a device whose only boot image is half-written gets its system anew from the stick, and opens with all it had",
  set: "full",
  async run(context) {
    const { laboratory, folder } = context;
    const { tools, epochS } = laboratory.shop;
    const image = await laboratory.image();
    const device = await SealedDevice.create(context, "device");
    const file = (name: string, content: Uint8Array): string => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const whole = readFileSync(image.uki);
    const half = [{ source: file("half.efi", whole.subarray(0, whole.length >> 1)), path: ukiPath(1) }];
    await device.change((place) => writeEsp(place("piccolo-esp"), half, epochS, tools));

    const stick = await laboratory.installer(join(folder, "stick.img"));
    const asked = [{ source: file("empty", new Uint8Array()), path: "repair-the-system" }];
    await writeEsp(placeOf(stick, installerLayout, "piccolo-installer"), asked, epochS, tools);
    const secondDisk = join(device.machine.options.folder, "disk.qcow2");
    const repairing = await context.machine("repairing", stick, "enforcing", {
      ...pc,
      secondDisk,
      secondDiskBus: "ahci",
    });
    repairing.powerOn();
    await repairing.untilSays(/The system is written anew/, deadlineMs("stick"));
    await repairing.untilOff();
    context.check("nothing else was written", !/writing to|is installed/.test(repairing.serial.text));
    await device.opens("after its system was repaired");
  },
};
