/** A release: commit, boot image, boot loader, disk. */
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  createDisk,
  deviceLayout,
  type EspFile,
  formatEsp,
  formatExt4,
  type Place,
  placeOf,
  writeEsp,
} from "../disk/disk-image.ts";
import { formatRoot } from "../disk/root-partition.ts";
import { buildUki, commandLineOf, signForFirmware, type UkiParts } from "../boot/uki.ts";
import { encodeCpio } from "../initrd/cpio.ts";
import { signedPrediction } from "../predict/predict.ts";
import { kernelOf, kernelVersionOf } from "../tree/assemble.ts";
import { buildTree, type ListedObject, objectPath, parseListing } from "../usr/commit-tree.ts";
import { encodeErofs } from "../usr/erofs.ts";
import { type LabelPolicy, labelTree, parseLabelPolicy } from "../usr/labels.ts";
import { type Commit, type CommitParts, provideCommit, signersOf } from "./commit.ts";
import { ownCommandLine, provideInitrd, type Workshop } from "./workshop.ts";

export interface BootFiles extends RootArchive {
  readonly commit: Commit;
  readonly uki: string;
  readonly loader: string;
  /** What a start of it will measure, signed. */
  readonly prediction: string;
  /** Both before they were signed. */
  readonly unsigned: { readonly uki: string; readonly loader: string };
}

export interface ReleaseImage extends BootFiles {
  readonly disk: string;
}

/** What the firmware and the boot loader need of a release. */
export async function buildBootFiles(shop: Workshop, parts: CommitParts, folder: string): Promise<BootFiles> {
  mkdirSync(folder, { recursive: true });
  const commit = await provideCommit(shop, parts);
  shop.say(`boot image: commit ${commit.checksum.slice(0, 12)}`);
  const { tools, epochS } = shop;
  const { version, number } = parts.release;
  const root = await writeRootArchive(shop, commit, folder);
  const uki = join(folder, `piccolo-${number}.efi`);
  const commandLine = commandLineOf(commit.checksum, ownCommandLine(shop));
  await buildUkiOf(shop, parts, root, { commandLine, opensVolumes: true }, uki);
  const loader = join(folder, "BOOTX64.EFI");
  const unsignedLoader = join(folder, "systemd-boot.unsigned");
  copyFileSync(join(tools.root, "usr/lib/systemd/boot/efi/systemd-bootx64.efi"), unsignedLoader);
  await signForFirmware(unsignedLoader, loader, signersOf(parts), epochS, tools);
  const prediction = join(folder, `piccolo-${number}.prediction.json`);
  const released = { version, number, loader: readFileSync(loader), image: readFileSync(uki) };
  writeFileSync(
    prediction,
    await signedPrediction({ ...released, keySets: signersOf(parts), enrolled: parts.enrolled }),
  );
  return { ...root, commit, uki, loader, prediction, unsigned: { uki: `${uki}.unsigned`, loader: unsignedLoader } };
}

interface RootArchive {
  /** An archive for the initrd with the image of the commit's names and digests. */
  readonly archive: string;
  readonly osRelease: string;
  readonly treeBytes: number;
}

async function writeRootArchive(shop: Workshop, commit: Commit, folder: string): Promise<RootArchive> {
  const { repository, checksum } = commit;
  const text = await shop.tools.text("ostree", [`--repo=${repository}`, "ls", "-R", "-C", checksum, "/"]);
  const listing = parseListing(text);
  const objects = join(repository, "objects");
  const policy = labelPolicyOf(listing, objects);
  const plain = buildTree(listing, objects);
  const tree = encodeErofs(policy === undefined ? plain : labelTree(plain, policy), shop.epochS);
  const archive = join(folder, "root.cpio");
  writeFileSync(archive, encodeCpio([{ path: "usr/lib/piccolo/root.erofs", content: tree }]));
  const osRelease = join(folder, "os-release");
  const found = listing.find(({ path }) => path === "/usr/lib/os-release");
  if (found === undefined) throw new Error("the commit has no /usr/lib/os-release");
  copyFileSync(join(objects, objectPath(found.checksum)), osRelease);
  return { archive, osRelease, treeBytes: tree.length };
}

/** The policy by which the root's files are labelled, where it has one. */
function labelPolicyOf(listing: readonly ListedObject[], objects: string): LabelPolicy | undefined {
  const read = (pattern: RegExp): string | undefined => {
    const found = listing.filter(({ path }) => pattern.test(path));
    if (found.length > 1) throw new Error(`the commit has ${found.length} policies of labels`);
    return found.map(({ checksum }) => readFileSync(join(objects, objectPath(checksum)), "utf8"))[0];
  };
  const contexts = read(/^\/usr\/etc\/selinux\/[^/]+\/contexts\/files\/file_contexts$/);
  if (contexts === undefined) return undefined;
  return parseLabelPolicy(contexts, read(/^\/usr\/etc\/selinux\/[^/]+\/contexts\/files\/file_contexts\.subs_dist$/));
}

/** Kernel, initrd and root with a command line, signed. */
export async function buildUkiOf(
  shop: Workshop,
  { release, ...signing }: CommitParts,
  { archive, osRelease }: Pick<RootArchive, "archive" | "osRelease">,
  { commandLine, opensVolumes }: Pick<UkiParts, "commandLine" | "opensVolumes">,
  output: string,
): Promise<void> {
  const kernel = { kernel: kernelOf(shop.packagesRoot), kernelVersion: kernelVersionOf(shop.packagesRoot) };
  const initrds = [await provideInitrd(shop), archive];
  const { number } = release;
  const { epochS } = shop;
  await buildUki(
    { ...kernel, initrds, osRelease, commandLine, number, signers: signersOf(signing), opensVolumes, epochS, output },
    shop.tools,
  );
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
  const disk = join(folder, "disk.img");
  await createDisk(disk, deviceLayout, shop.tools);
  const place = (label: string): Place => placeOf(disk, deviceLayout, label);
  await formatRootOf(shop, boot, options.release.number, place("piccolo-root"), folder);
  const outside = join(folder, "outside");
  rmSync(outside, { recursive: true, force: true });
  mkdirSync(outside);
  // Only a disk that was just written has this: without it piccolod never formats a data partition.
  for (const [name, content] of Object.entries({ "first-boot": "", ...options.outside })) {
    writeFileSync(join(outside, name), content);
  }
  const { epochS, tools } = shop;
  const uuid = uuidFrom(`outside ${boot.commit.checksum}`);
  await formatExt4(place("piccolo-outside"), { content: outside, uuid, features: [], epochS }, tools);
  rmSync(outside, { recursive: true });
  await formatEsp(place("piccolo-esp"), epochS, tools);
  await writeEsp(place("piccolo-esp"), espFilesOf(boot, options.release.number, folder), epochS, tools);
  return { ...boot, disk };
}

/** Formats a partition with the release's repository in it. */
export async function formatRootOf(
  shop: Workshop,
  boot: BootFiles,
  number: number,
  place: Place,
  folder: string,
): Promise<void> {
  const repository = join(folder, "root-repository");
  await exportCommit(shop, boot.commit, number, repository);
  const uuid = uuidFrom(`root ${boot.commit.checksum}`);
  const scratch = join(folder, "scratch");
  await formatRoot({ place, repository, scratch, epochS: shop.epochS, uuid }, shop.tools);
  rmSync(repository, { recursive: true });
}

/** What lies on a device's ESP. */
export function espFilesOf(boot: BootFiles, number: number, folder: string): EspFile[] {
  const loaderConf = join(folder, "loader.conf");
  writeFileSync(loaderConf, loaderConfig.map((line) => `${line}\n`).join(""));
  return [
    { source: boot.loader, path: "EFI/BOOT/BOOTX64.EFI" },
    { source: loaderConf, path: "loader/loader.conf" },
    { source: boot.uki, path: ukiPath(number) },
    { source: boot.prediction, path: predictionPath(number) },
  ];
}

/** Where what a release will measure lies on the ESP; it is signed. */
export const predictionPath = (number: number): string => `piccolo/predictions/${number}.json`;

/** Where a release's boot image lies on the ESP; with a count of tries while it has to prove itself. */
export function ukiPath(number: number, tries?: number): string {
  return `EFI/Linux/piccolo-${number}${tries === undefined ? "" : `+${tries}`}.efi`;
}
