/** A release: commit, boot image, boot loader, disk. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readPackageList } from "../chroot/root-cache.ts";
import { createDisk, formatEsp, formatExt4, writeEsp } from "../disk/disk-image.ts";
import { formatRoot } from "../disk/root-partition.ts";
import { buildUki, commandLineOf, signForFirmware } from "../boot/uki.ts";
import { encodeCpio } from "../initrd/cpio.ts";
import { signedPrediction } from "../predict/predict.ts";
import { kernelOf, kernelVersionOf } from "../tree/assemble.ts";
import { buildTree, parseListing } from "../usr/commit-tree.ts";
import { encodeErofs } from "../usr/erofs.ts";
import { type Commit, type CommitParts, provideCommit } from "./commit.ts";
import { provideInitrd, type Workshop } from "./workshop.ts";

export interface BootFiles {
  readonly commit: Commit;
  readonly uki: string;
  readonly loader: string;
  /** What a start of it will measure, signed. */
  readonly prediction: string;
  /** Both before they were signed. */
  readonly unsigned: { readonly uki: string; readonly loader: string };
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
      number: parts.release.number,
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
  const { version, number } = parts.release;
  const released = { version, number, loader: readFileSync(loader), image: readFileSync(uki) };
  const prediction = join(folder, `piccolo-${number}.prediction.json`);
  writeFileSync(prediction, await signedPrediction({ ...released, keySets: [parts.keys] }));
  return { commit, uki, loader, prediction, unsigned: { uki: `${uki}.unsigned`, loader: copy }, treeBytes: tree.length };
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

const loaderConfig = [
  "timeout 0",
  "editor no",
  "auto-entries no",
  "auto-firmware no",
  "secure-boot-enroll off",
  "default piccolo-*",
];

/** A repository of its own with this one commit, as it lies on a device. */
export async function exportCommit(shop: Workshop, commit: Commit, number: number, target: string): Promise<void> {
  const { tools } = shop;
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  await tools.run("ostree", [`--repo=${target}`, "init", "--mode=bare"]);
  await tools.run("ostree", [`--repo=${target}`, "pull-local", commit.repository, commit.checksum]);
  await tools.run("ostree", [`--repo=${target}`, "refs", `--create=piccolo/release/${number}`, commit.checksum]);
}

export interface ImageOptions extends CommitParts {
  /** Files for the partition that lies outside the volume, such as `claim-code`. */
  readonly outside?: Readonly<Record<string, string>>;
}

export async function buildImage(shop: Workshop, options: ImageOptions, folder: string): Promise<ReleaseImage> {
  const boot = await buildBootFiles(shop, options, folder);
  shop.say("disk image");
  const { tools, epochS } = shop;
  const disk = join(folder, "disk.img");
  await createDisk(disk, tools);
  const repository = join(folder, "root-repository");
  await exportCommit(shop, boot.commit, options.release.number, repository);
  const scratch = join(folder, "scratch");
  await formatRoot({ disk, repository, scratch, epochS, uuid: uuidFrom(`root ${boot.commit.checksum}`) }, tools);
  rmSync(repository, { recursive: true });
  const outside = join(folder, "outside");
  rmSync(outside, { recursive: true, force: true });
  mkdirSync(outside);
  // Only a disk that was just written has this: without it piccolod never formats a data partition.
  for (const [name, content] of Object.entries({ "first-boot": "", ...options.outside })) {
    writeFileSync(join(outside, name), content);
  }
  const uuid = uuidFrom(`outside ${boot.commit.checksum}`);
  await formatExt4(disk, "piccolo-outside", { content: outside, uuid, features: [], epochS }, tools);
  rmSync(outside, { recursive: true });
  const loaderConf = join(folder, "loader.conf");
  writeFileSync(loaderConf, loaderConfig.map((line) => `${line}\n`).join(""));
  await formatEsp(disk, epochS, tools);
  const files = [
    { source: boot.loader, path: "EFI/BOOT/BOOTX64.EFI" },
    { source: loaderConf, path: "loader/loader.conf" },
    { source: boot.uki, path: ukiPath(options.release.number) },
    { source: boot.prediction, path: predictionPath(options.release.number) },
  ];
  await writeEsp(disk, files, epochS, tools);
  return { ...boot, disk };
}

/** Where what a release will measure lies on the ESP; it is signed. */
export const predictionPath = (number: number): string => `piccolo/predictions/${number}.json`;

/** Where a release's boot image lies on the ESP; with a count of tries while it has to prove itself. */
export function ukiPath(number: number, tries?: number): string {
  return `EFI/Linux/piccolo-${number}${tries === undefined ? "" : `+${tries}`}.efi`;
}
