/**
 * The whole disk, put together in one file: nothing is mounted and no device is made. Each tool writes its file system
 * at the place of its partition, so that nothing has to be copied.
 */
import { closeSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { Chroot } from "../chroot/chroot.ts";
import { biosBootCode } from "./bios-message.ts";

export const mebibyte = 1024 * 1024;

const espType = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
// The generic type, so that no other system takes a partition for one of its own.
export const linuxType = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";

interface Partition {
  readonly label: string;
  readonly type: string;
  readonly mebibytes: number;
}

export type DiskLayout = readonly Partition[];

/** A device's disk: three releases fit beside each other, and on the ESP as many boot images. The rest is data. */
export const deviceLayout: DiskLayout = [
  { label: "piccolo-esp", type: espType, mebibytes: 1024 },
  { label: "piccolo-root", type: linuxType, mebibytes: 3072 },
  { label: "piccolo-outside", type: linuxType, mebibytes: 64 },
  { label: "piccolo-data", type: linuxType, mebibytes: 4096 },
];

/** The installer's: its root becomes the device's, and grows there. */
export const installerLayout: DiskLayout = [
  // Firmware takes a FAT32 of fewer than 65525 clusters for another kind of FAT.
  { label: "piccolo-installer", type: espType, mebibytes: 384 },
  { label: "piccolo-installer-root", type: linuxType, mebibytes: 1024 },
];

/** A partition of a disk image. */
export interface Place {
  readonly disk: string;
  readonly label: string;
  /** Bytes from the start of the disk. */
  readonly offset: number;
  readonly sizeBytes: number;
}

export function placeOf(disk: string, layout: DiskLayout, label: string): Place {
  let offset = mebibyte;
  for (const partition of layout) {
    const sizeBytes = partition.mebibytes * mebibyte;
    if (partition.label === label) return { disk, label, offset, sizeBytes };
    offset += sizeBytes;
  }
  throw new Error(`the layout has no partition ${label}`);
}

/** An empty disk with its partition table. */
export async function createDisk(disk: string, layout: DiskLayout, tools: Chroot): Promise<void> {
  rmSync(disk, { force: true });
  writeFileSync(disk, "");
  const bytes = layout.reduce((sum, { mebibytes }) => sum + mebibytes * mebibyte, 0);
  truncateSync(disk, mebibyte + bytes + mebibyte);
  await writeTable(disk, layout, tools);
}

/** Writes the partition table, and before it what a BIOS runs; whatever lies in the partitions stays. */
export async function writeTable(disk: string, layout: DiskLayout, tools: Chroot): Promise<void> {
  const lines = ["label: gpt", "unit: sectors"];
  let offset = mebibyte;
  for (const { label, type, mebibytes } of layout) {
    const sizeBytes = mebibytes * mebibyte;
    lines.push(`start=${offset / 512}, size=${sizeBytes / 512}, type=${type}, name=${label}`);
    offset += sizeBytes;
  }
  await tools.run("sfdisk", ["-q", "--wipe=never", "--wipe-partitions=never", disk], {
    input: `${lines.join("\n")}\n`,
  });
  const file = openSync(disk, "r+");
  try {
    writeSync(file, biosBootCode(), 0, null, 0);
  } finally {
    closeSync(file);
  }
}

export interface EspFile {
  readonly source: string;
  /** Such as `EFI/Linux/x.efi`. */
  readonly path: string;
}

/** Makes the boot loader's file system. */
export async function formatEsp(place: Place, epochS: number, tools: Chroot): Promise<void> {
  const { disk, offset, sizeBytes } = place;
  const where = [`--offset=${offset / 512}`, disk, String(sizeBytes / 1024)];
  await tools.run("mkfs.vfat", ["--invariant", "-F", "32", "-n", "PICCOLO-ESP", ...where], { env: epochOf(epochS) });
}

/** Adds files to the boot loader's file system; what has the same name is replaced. */
export async function writeEsp(place: Place, files: readonly EspFile[], epochS: number, tools: Chroot): Promise<void> {
  const image = `${place.disk}@@${place.offset}`;
  const folders = new Set<string>();
  for (const { path } of files) {
    for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) folders.add(folder);
  }
  const env = epochOf(epochS);
  const inOrder = [...folders].sort((a, b) => a.length - b.length).map((folder) => `::/${folder}`);
  if (inOrder.length > 0) {
    // A folder that is there already is left as it is.
    await tools.run("sh", ["-c", 'mmd -D s -i "$0" "$@" </dev/null || true', image, ...inOrder], { env });
  }
  for (const { source, path } of files) {
    await tools.run("mcopy", ["-o", "-m", "-i", image, source, `::/${path}`], { env });
  }
}

/** Names of the files in a folder of the boot loader's file system. */
export async function listEsp({ disk, offset }: Place, folder: string, tools: Chroot): Promise<readonly string[]> {
  const listed = await tools.text("mdir", ["-b", "-i", `${disk}@@${offset}`, `::/${folder}`]);
  return listed.split("\n").flatMap((line) => (line === "" || line.endsWith("/") ? [] : [basename(line)]));
}

/** Takes files off the boot loader's file system. */
export async function removeFromEsp(place: Place, paths: readonly string[], tools: Chroot): Promise<void> {
  for (const path of paths) await tools.run("mdel", ["-i", `${place.disk}@@${place.offset}`, `::/${path}`]);
}

export function epochOf(epochS: number): Record<string, string> {
  return { SOURCE_DATE_EPOCH: String(epochS), E2FSPROGS_FAKE_TIME: String(epochS) };
}

export interface Ext4Options {
  /** Folder whose content it gets. */
  readonly content: string;
  readonly uuid: string;
  readonly features: readonly string[];
  readonly epochS: number;
}

export async function formatExt4(place: Place, options: Ext4Options, tools: Chroot): Promise<void> {
  const { disk, label, offset, sizeBytes } = place;
  const { content, uuid, features, epochS } = options;
  const feature = features.length === 0 ? [] : ["-O", features.join(",")];
  const extended = `offset=${offset},hash_seed=${uuid},root_owner=0:0,nodiscard`;
  // A volume name has at most 16 bytes; partitions are found by the partition table's.
  const names = ["-L", label.slice(0, 16), "-U", uuid];
  const args = ["-q", "-t", "ext4", "-b", "4096", "-m", "0", ...names, ...feature, "-E", extended];
  await tools.run("mke2fs", [...args, "-d", content, "-F", disk, String(sizeBytes / 4096)], { env: epochOf(epochS) });
}

const deviceOf = ({ disk, offset }: Place): string => `${disk}?offset=${offset}`;

/** Runs debugfs's commands on an ext4 partition. It tells what failed, and ends well nevertheless: that is caught here. */
export async function editExt4(
  place: Place,
  commands: readonly string[],
  epochS: number,
  tools: Chroot,
): Promise<void> {
  const complaints: string[] = [];
  await tools.run("debugfs", ["-w", "-f", "-", deviceOf(place)], {
    input: `${commands.join("\n")}\n`,
    env: epochOf(epochS),
    onLine: (line) => void (/^debugfs \d/.test(line) || complaints.push(line)),
  });
  if (complaints.length > 0) throw new Error(`debugfs: ${complaints.slice(0, 5).join("; ")}`);
}

/** What debugfs answers to one command that changes nothing. */
export function askExt4(place: Place, command: string, tools: Chroot): Promise<string> {
  return tools.text("debugfs", ["-R", command, deviceOf(place)]);
}

export async function checkExt4(place: Place, tools: Chroot): Promise<void> {
  await tools.run("e2fsck", ["-f", "-n", deviceOf(place)]);
}
