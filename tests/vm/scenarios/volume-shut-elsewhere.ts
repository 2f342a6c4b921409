/** A start that others than the release's makers could have made, or on another machine: the volume stays shut. */
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildUkiOf, commandLineOf, editExt4, ukiPath, writeEsp } from "@piccolo/release";
import type { Scenario } from "../scenario.ts";
import { changeOneByte, objectOf, SealedDevice } from "../sealed-device.ts";
import { makeAddon } from "./volume-shut.ts";

const unit = `[Unit]
DefaultDependencies=no
[Service]
ExecStart=/usr/lib/piccolo/sh -c 'echo the stranger runs > /dev/console'
[Install]
WantedBy=multi-user.target
`;
/** Where a system would look for units that somebody added; in the image `/usr/local` leads to `/var/usrlocal`. */
const unitFolders = [
  "/etc/systemd/system",
  "/usr/lib/systemd/system",
  "/var/lib/systemd/system",
  "/usr/local/lib/systemd/system",
  "/var/usrlocal/lib/systemd/system",
];

export const volumeShutElsewhere: Scenario = {
  name: "volume-shut-elsewhere",
  summary:
    "piccolod changed, a boot image without the PCR key's signature, Secure Boot off, another machine: shut; units laid on the disk: ignored",
  set: "full",
  async run(context) {
    const { laboratory, folder } = context;
    const { shop } = laboratory;
    const image = await laboratory.image();
    const device = await SealedDevice.create(context, "device");

    await device.withFirmware("secure-boot-off", async () => {
      await device.staysShut("Secure Boot off", ["tpm-policy", "secure-boot-off"]);
    });

    // Whoever has the db key alone can have the firmware start what he likes, and gets nothing of the volume.
    const strangersKeys = join(folder, "keys");
    cpSync(laboratory.keys, strangersKeys, { recursive: true, filter: (path) => !path.includes("/S.gpg-agent") });
    cpSync(join(await laboratory.keySet("foreign-keys"), "pcr"), join(strangersKeys, "pcr"), { recursive: true });
    const foreign = join(folder, "foreign.efi");
    const { release } = laboratory.options(1, undefined);
    const words = ["console=ttyS0", "rd.shell=0"];
    await buildUkiOf(
      shop,
      { release, keys: strangersKeys },
      image,
      { commandLine: commandLineOf(image.commit.checksum, words), opensVolumes: true },
      foreign,
    );
    const startBy = (source: string): Promise<void> =>
      device.change((place) => writeEsp(place("piccolo-esp"), [{ source, path: ukiPath(1) }], shop.epochS, shop.tools));
    await startBy(foreign);
    await device.staysShut("signed by the db key alone", ["tpm-policy"]);
    await startBy(image.uki);

    const daemon = await objectOf(laboratory, image, "/usr/lib/piccolo/piccolod");
    await device.change((_place, disk) => changeOneByte(laboratory, disk, daemon));
    await device.neverAnswers("one byte of piccolod", /FILE CORRUPTED!/);
    await device.change((_place, disk) => changeOneByte(laboratory, disk, daemon));

    const other = await context.machine("other", await device.machine.copyDisk(join(folder, "other.img")));
    other.powerOn();
    await other.untilAnswers();
    const { phase, reasons } = await other.client.status();
    await other.powerCut();
    context.equal("another machine", [phase, ...reasons.map(({ code }) => code)], ["closed", "tpm-other-chip"]);

    // What has no effect, all at once: the volume opens, and nothing of it runs.
    const addon = await makeAddon(context);
    const planted = join(folder, "stranger.service");
    writeFileSync(planted, unit);
    await device.change(async (place) => {
      for (const label of ["piccolo-root", "piccolo-outside"]) {
        const folders = unitFolders.flatMap((path) =>
          path
            .split("/")
            .slice(1)
            .map((_, at, all) => `/${all.slice(0, at + 1).join("/")}`),
        );
        const wants = unitFolders.map((path) => `${path}/multi-user.target.wants`);
        // A folder that is there already is a complaint, and none of ours.
        const make = [...new Set([...folders, ...wants])].map((path) => `mkdir ${path}`);
        await editExt4(place(label), make, shop.epochS, shop.tools).catch(() => undefined);
        const write = unitFolders.flatMap((path) => [
          `write ${planted} ${path}/stranger.service`,
          `symlink ${path}/multi-user.target.wants/stranger.service ../stranger.service`,
        ]);
        await editExt4(place(label), write, shop.epochS, shop.tools);
      }
      const path = "EFI/Linux/piccolo-1.efi.extra.d/stranger.addon.efi";
      await writeEsp(place("piccolo-esp"), [{ source: addon.unsigned, path }], shop.epochS, shop.tools);
    });
    await device.opens("units on the disk, and an add-on nobody signed");
    context.check("nothing of it runs", !device.machine.serial.text.includes("the stranger runs"));
    context.check("the add-on was refused", /stranger\.addon\.efi.*ignoring/.test(device.machine.serial.text));
  },
};
