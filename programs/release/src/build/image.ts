/** A release: commit, boot image, boot loader, disk. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readPackageList } from "../chroot/root-cache.ts";
import { buildDisk, buildEsp, partitionTypes } from "../disk/disk-image.ts";
import { buildRootImage } from "../disk/root-image.ts";
import { bootPhases, buildUki, commandLineOf, signForFirmware } from "../boot/uki.ts";
import { encodeCpio } from "../initrd/cpio.ts";
import { kernelOf, kernelVersionOf } from "../tree/assemble.ts";
import { buildTree, parseListing } from "../usr/commit-tree.ts";
import { encodeErofs } from "../usr/erofs.ts";
import { type Commit, type CommitParts, provideCommit } from "./commit.ts";
import { provideInitrd, type Workshop } from "./workshop.ts";

const mebibyte = 1024 * 1024;

/** Three releases fit beside each other, and on the ESP as many boot images. */
export const sizes = {
  espBytes: 1024 * mebibyte,
  rootBytes: 3072 * mebibyte,
  outsideBytes: 64 * mebibyte,
  dataBytes: 4096 * mebibyte,
} as const;

export interface BootFiles {
  readonly commit: Commit;
  readonly uki: string;
  readonly loader: string;
  /** Bytes of the image of names and digests inside the boot image. */
  readonly treeBytes: number;
}

export interface ReleaseImage extends BootFiles {
  readonly disk: string;
}

/** What the firmware and the boot loader need of a release. */
export async function buildBootFiles(shop: Workshop, parts: CommitParts, folder: string): Promise<BootFiles> {
  mkdirSync(folder, { recursive: true });
  const commit = await provideCommit(shop, parts);
  shop.say(`boot image: commit ${commit.checksum.slice(0, 12)}`);
  const listing = await shop.tools.text("ostree", [`--repo=${commit.repository}`, "ls", "-R", "-C", commit.checksum, "/"]);
  const objects = join(commit.repository, "objects");
  const tree = encodeErofs(buildTree(parseListing(listing), objects), shop.epochS);
  const extra = join(folder, "root.cpio");
  writeFileSync(extra, encodeCpio([{ path: "usr/lib/piccolo/root.erofs", content: tree }]));
  const osRelease = join(folder, "os-release");
  writeFileSync(osRelease, osReleaseOf(listing, objects));
  const uki = join(folder, `piccolo-${parts.release.number}.efi`);
  await buildUki(
    {
      kernel: kernelOf(shop.packagesRoot),
      kernelVersion: kernelVersionOf(shop.packagesRoot),
      initrds: [await provideInitrd(shop), extra],
      osRelease,
      commandLine: commandLineOf(commit.checksum, readPackageList(join(shop.os, "cmdline.txt"))),
      keys: parts.keys,
      epochS: shop.epochS,
      output: uki,
    },
    shop.tools,
  );
  const loader = join(folder, "BOOTX64.EFI");
  const unsigned = join(shop.tools.root, "usr/lib/systemd/boot/efi/systemd-bootx64.efi");
  const copy = join(folder, "systemd-boot.unsigned");
  writeFileSync(copy, readFileSync(unsigned));
  await signForFirmware(copy, loader, parts.keys, shop.epochS, shop.tools);
  return { commit, uki, loader, treeBytes: tree.length };
}

function osReleaseOf(listing: string, objects: string): string {
  const found = parseListing(listing).find(({ path }) => path === "/usr/lib/os-release");
  if (found === undefined) throw new Error("the commit has no /usr/lib/os-release");
  return readFileSync(join(objects, `${found.checksum.slice(0, 2)}/${found.checksum.slice(2)}.file`), "utf8");
}

/** A name for file systems that is the same in each build of the same release. */
function uuidFrom(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

export const loaderConfig = "timeout 0\neditor no\nauto-entries no\nauto-firmware no\nbeep no\nsecure-boot-enroll off\ndefault piccolo-*\n";

export async function buildImage(shop: Workshop, parts: CommitParts, folder: string): Promise<ReleaseImage> {
  const boot = await buildBootFiles(shop, parts, folder);
  shop.say("disk image");
  const { tools, epochS } = shop;
  const scratch = join(folder, "scratch");
  const published = join(folder, "root-repository");
  rmSync(published, { recursive: true, force: true });
  mkdirSync(published);
  const ref = "piccolo/booted";
  await tools.run("ostree", [`--repo=${published}`, "init", "--mode=bare"]);
  await tools.run("ostree", [`--repo=${published}`, "pull-local", boot.commit.repository, boot.commit.checksum]);
  await tools.run("ostree", [`--repo=${published}`, "refs", `--create=${ref}/${parts.release.number}`, boot.commit.checksum]);
  const root = join(folder, "root.ext4");
  await buildRootImage(
    { repository: published, scratch, output: root, sizeBytes: sizes.rootBytes, epochS, uuid: uuidFrom(boot.commit.checksum) },
    tools,
  );
  rmSync(published, { recursive: true });
  const loaderConf = join(folder, "loader.conf");
  writeFileSync(loaderConf, loaderConfig);
  const esp = join(folder, "esp.fat");
  const files = [
    { source: boot.loader, path: "EFI/BOOT/BOOTX64.EFI" },
    { source: loaderConf, path: "loader/loader.conf" },
    { source: boot.uki, path: `EFI/Linux/piccolo-${parts.release.number}.efi` },
  ];
  await buildEsp(esp, sizes.espBytes, files, epochS, tools);
  const outside = join(folder, "outside.ext4");
  writeFileSync(outside, Buffer.alloc(0));
  await tools.run("truncate", ["-s", String(sizes.outsideBytes), outside]);
  const content = join(folder, "outside");
  mkdirSync(content, { recursive: true });
  // Only a disk that was just written has this: without it piccolod never formats a data partition.
  writeFileSync(join(content, "first-boot"), "");
  await tools.run("mke2fs", ["-q", "-t", "ext4", "-m", "0", "-L", "piccolo-outside", "-d", content, "-F", outside]);
  const disk = join(folder, "disk.img");
  const { esp: espType, linux } = partitionTypes;
  await buildDisk(
    disk,
    [
      { label: "piccolo-esp", type: espType, sizeBytes: sizes.espBytes, content: esp },
      { label: "piccolo-root", type: linux, sizeBytes: sizes.rootBytes, content: root },
      { label: "piccolo-outside", type: linux, sizeBytes: sizes.outsideBytes, content: outside },
      { label: "piccolo-data", type: linux, sizeBytes: sizes.dataBytes, content: undefined },
    ],
    tools,
  );
  for (const path of [root, esp, outside]) rmSync(path);
  return { ...boot, disk };
}

export { bootPhases };
