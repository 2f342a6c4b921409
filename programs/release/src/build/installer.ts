/** The installer: a stick that enrols our keys where the firmware lets it, and writes a device's disk. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commandLineOf } from "../boot/uki.ts";
import { createDisk, type EspFile, formatEsp, installerLayout, placeOf, writeEsp } from "../disk/disk-image.ts";
import { signedKeyList } from "../firmware/key-lists.ts";
import { secureBootRoles } from "../keys/roles.ts";
import { type BootFiles, buildUkiOf, espFilesOf, formatRootOf } from "./image.ts";
import type { CommitParts } from "./commit.ts";
import { ownCommandLine, type Workshop } from "./workshop.ts";

/** Where its boot image lies on the stick. */
export const installerPath = "EFI/Linux/installer.efi";

/** In setup mode the boot loader takes the keys of `loader/keys/auto` and starts the machine again. */
const loaderConfig = ["timeout 0", "editor no", "auto-entries no", "auto-firmware no", "secure-boot-enroll force"];

export async function buildInstaller(
  shop: Workshop,
  parts: CommitParts,
  boot: BootFiles,
  folder: string,
): Promise<string> {
  mkdirSync(folder, { recursive: true });
  shop.say("installer");
  const { tools, epochS } = shop;
  const uki = join(folder, "installer.efi");
  const own = [...ownCommandLine(shop), "piccolo.install", "systemd.unit=piccolo-install.target"];
  const commandLine = commandLineOf(boot.commit.checksum, own, "piccolo-installer-root");
  await buildUkiOf(shop, parts, boot, { commandLine, opensVolumes: false }, uki);
  const disk = join(folder, "installer.img");
  await createDisk(disk, installerLayout, tools);
  await formatRootOf(
    shop,
    boot,
    parts.release.number,
    placeOf(disk, installerLayout, "piccolo-installer-root"),
    folder,
  );
  const esp = placeOf(disk, installerLayout, "piccolo-installer");
  await formatEsp(esp, epochS, tools);
  const loaderConf = join(folder, "installer-loader.conf");
  writeFileSync(loaderConf, loaderConfig.map((line) => `${line}\n`).join(""));
  const device = espFilesOf(boot, parts.release.number, folder);
  const files: EspFile[] = [
    { source: boot.loader, path: "EFI/BOOT/BOOTX64.EFI" },
    { source: loaderConf, path: "loader/loader.conf" },
    // For whoever looks at the stick on another computer, since the machine that does not start may say little.
    { source: join(shop.os, "installer/READ-ME.txt"), path: "READ-ME.txt" },
    { source: uki, path: installerPath },
    ...(await keyFiles(shop, parts.keys, folder)),
    ...device.map(({ source, path }) => ({ source, path: `piccolo/device/${path}` })),
  ];
  await writeEsp(esp, files, epochS, tools);
  return disk;
}

/** Signed lists as the firmware takes them, each seen to be what its signer signed. */
async function keyFiles(shop: Workshop, keys: string, folder: string): Promise<EspFile[]> {
  const files: EspFile[] = [];
  for (const name of secureBootRoles) {
    const signed = await signedKeyList({ name, of: [keys], signedBy: keys, epochS: shop.epochS });
    const source = join(folder, `${name}.auth`);
    writeFileSync(source, signed);
    files.push({ source, path: `loader/keys/auto/${name}.auth` });
  }
  return files;
}
