/** The installer: a stick that enrols our keys where the firmware lets it, and writes a device's disk. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readPackageList } from "../chroot/root-cache.ts";
import { commandLineOf } from "../boot/uki.ts";
import { createDisk, type EspFile, formatEsp, installerLayout, placeOf, writeEsp } from "../disk/disk-image.ts";
import { placesOf, type SecureBootRole } from "../keys/roles.ts";
import { sbsignArguments, signingKeyOf } from "../keys/signing-key.ts";
import { type BootFiles, buildUkiOf, espFilesOf, formatRootOf } from "./image.ts";
import type { CommitParts } from "./commit.ts";
import type { Workshop } from "./workshop.ts";

/** In setup mode the boot loader takes the keys of `loader/keys/auto` and starts the machine again. */
const loaderConfig = ["timeout 0", "editor no", "auto-entries no", "auto-firmware no", "secure-boot-enroll force"];

/** Names the owner of the certificates in the firmware's lists. */
const keyOwner = "a1c0b7d2-5d0e-4a53-9c0c-70696363006c";

/** They are signed with the list, and have to be those the boot loader writes it with. */
const attributes = "NON_VOLATILE,BOOTSERVICE_ACCESS,RUNTIME_ACCESS,TIME_BASED_AUTHENTICATED_WRITE_ACCESS";

/** Who signs which list: the platform key itself and the list of key exchange keys, these the list of what may boot. */
const signers: Readonly<Record<SecureBootRole, SecureBootRole>> = { PK: "PK", KEK: "PK", db: "KEK" };

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
  const own = [...readPackageList(join(shop.os, "cmdline.txt")), "piccolo.install", "systemd.unit=piccolo-install.target"];
  await buildUkiOf(shop, parts, boot, commandLineOf(boot.commit.checksum, own, "piccolo-installer-root"), uki);
  const disk = join(folder, "installer.img");
  await createDisk(disk, installerLayout, tools);
  await formatRootOf(shop, boot, parts.release.number, placeOf(disk, installerLayout, "piccolo-installer-root"), folder);
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

/** Signed lists as the firmware takes them. */
async function keyFiles(shop: Workshop, keys: string, folder: string): Promise<EspFile[]> {
  const { tools, epochS } = shop;
  const files: EspFile[] = [];
  for (const role of ["PK", "KEK", "db"] as const) {
    const [der, list, signed] = ["der", "esl", "auth"].map((ending) => join(folder, `${role}.${ending}`)) as [string, string, string];
    await tools.run("openssl", ["x509", "-in", placesOf(keys, role).publicHalf, "-outform", "DER", "-out", der]);
    await tools.run("sbsiglist", ["--owner", keyOwner, "--type", "x509", "--output", list, der]);
    const signer = signers[role];
    const time = new Date(epochS * 1000).toISOString().slice(0, 19).replace("T", " ");
    await tools.run("faketime", [
      ...["-f", time, "sbvarsign", "--attr", attributes, ...sbsignArguments(signingKeyOf(keys, signer))],
      ...["--cert", placesOf(keys, signer).publicHalf, "--output", signed, role, list],
    ]);
    files.push({ source: signed, path: `loader/keys/auto/${role}.auth` });
  }
  return files;
}
