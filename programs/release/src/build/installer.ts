/** The installer: a stick that enrols our keys where the firmware lets it, and writes a device's disk. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commandLineOf } from "../boot/uki.ts";
import { createDisk, type EspFile, formatEsp, installerLayout, placeOf, writeEsp } from "../disk/disk-image.ts";
import {
  encodeSignatureLists,
  encodeSignedVariable,
  openSignedVariable,
  variableToSign,
} from "../firmware/signed-variable.ts";
import { readCertificate } from "../keys/read-key.ts";
import { listSigners, placesOf, secureBootRoles } from "../keys/roles.ts";
import { signBytes, signingKeyOf } from "../keys/signing-key.ts";
import { type BootFiles, buildUkiOf, espFilesOf, formatRootOf } from "./image.ts";
import type { CommitParts } from "./commit.ts";
import { ownCommandLine, type Workshop } from "./workshop.ts";

/** In setup mode the boot loader takes the keys of `loader/keys/auto` and starts the machine again. */
const loaderConfig = ["timeout 0", "editor no", "auto-entries no", "auto-firmware no", "secure-boot-enroll force"];

/** Names the owner of the certificates in the firmware's lists. */
const keyOwner = "a1c0b7d2-5d0e-4a53-9c0c-70696363006c";

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
  await buildUkiOf(shop, parts, boot, commandLineOf(boot.commit.checksum, own, "piccolo-installer-root"), uki);
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
    { source: uki, path: "EFI/Linux/installer.efi" },
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
    const content = encodeSignatureLists(keyOwner, [readCertificate(placesOf(keys, name).publicHalf).raw]);
    const list = { name, epochS: shop.epochS, content };
    const signer = readCertificate(placesOf(keys, listSigners[name]).publicHalf);
    const signature = await signBytes(signingKeyOf(keys, listSigners[name]), variableToSign(list));
    const signed = encodeSignedVariable(list, signer.raw, signature);
    openSignedVariable(name, signed, signer);
    const source = join(folder, `${name}.auth`);
    writeFileSync(source, signed);
    files.push({ source, path: `loader/keys/auto/${name}.auth` });
  }
  return files;
}
