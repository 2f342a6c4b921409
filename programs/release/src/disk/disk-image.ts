/**
 * The whole disk, put together in one file: nothing is mounted and no device is made. Each tool writes its file system
 * at the place of its partition, so that nothing has to be copied.
 */
import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Chroot } from "../chroot/chroot.ts";

export const mebibyte = 1024 * 1024;

/** Three releases fit beside each other, and on the ESP as many boot images. */
const layout = [
  { label: "piccolo-esp", type: "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", mebibytes: 1024 },
  // The generic type, so that no other system takes a partition for one of its own.
  { label: "piccolo-root", type: "0FC63DAF-8483-4772-8E79-3D69D8477DE4", mebibytes: 3072 },
  { label: "piccolo-outside", type: "0FC63DAF-8483-4772-8E79-3D69D8477DE4", mebibytes: 64 },
  { label: "piccolo-data", type: "0FC63DAF-8483-4772-8E79-3D69D8477DE4", mebibytes: 4096 },
] as const;

export type PartitionLabel = (typeof layout)[number]["label"];

/** Where a partition lies on the disk, in bytes. */
export function partitionAt(label: PartitionLabel): { readonly offset: number; readonly sizeBytes: number } {
  let offset = mebibyte;
  for (const partition of layout) {
    const sizeBytes = partition.mebibytes * mebibyte;
    if (partition.label === label) return { offset, sizeBytes };
    offset += sizeBytes;
  }
  throw new Error(`${label} is in the layout`);
}

/** An empty disk with its partition table. */
export async function createDisk(disk: string, tools: Chroot): Promise<void> {
  rmSync(disk, { force: true });
  writeFileSync(disk, "");
  const lines = ["label: gpt", "unit: sectors"];
  let end = 0;
  for (const { label, type } of layout) {
    const { offset, sizeBytes } = partitionAt(label);
    lines.push(`start=${offset / 512}, size=${sizeBytes / 512}, type=${type}, name=${label}`);
    end = offset + sizeBytes;
  }
  truncateSync(disk, end + mebibyte);
  await tools.run("sfdisk", ["-q", disk], { input: `${lines.join("\n")}\n` });
}

export interface EspFile {
  readonly source: string;
  /** Such as `EFI/Linux/x.efi`. */
  readonly path: string;
}

/** Makes the boot loader's file system. */
export async function formatEsp(disk: string, epochS: number, tools: Chroot): Promise<void> {
  const { offset, sizeBytes } = partitionAt("piccolo-esp");
  const place = [`--offset=${offset / 512}`, disk, String(sizeBytes / 1024)];
  await tools.run("mkfs.vfat", ["--invariant", "-F", "32", "-n", "PICCOLO-ESP", ...place], { env: epochOf(epochS) });
}

/** Adds files to the boot loader's file system; what has the same name is replaced. */
export async function writeEsp(disk: string, files: readonly EspFile[], epochS: number, tools: Chroot): Promise<void> {
  const image = `${disk}@@${partitionAt("piccolo-esp").offset}`;
  const folders = new Set<string>();
  for (const { path } of files) {
    for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) folders.add(folder);
  }
  const env = epochOf(epochS);
  const inOrder = [...folders].sort((a, b) => a.length - b.length).map((folder) => `::/${folder}`);
  // A folder that is there already is left as it is.
  if (inOrder.length > 0)
    await tools.run("sh", ["-c", 'mmd -D s -i "$0" "$@" </dev/null || true', image, ...inOrder], { env });
  for (const { source, path } of files) {
    await tools.run("mcopy", ["-o", "-m", "-i", image, source, `::/${path}`], { env });
  }
}

/** Takes files off the boot loader's file system. */
export async function removeFromEsp(disk: string, paths: readonly string[], tools: Chroot): Promise<void> {
  const image = `${disk}@@${partitionAt("piccolo-esp").offset}`;
  for (const path of paths) await tools.run("mdel", ["-i", image, `::/${path}`]);
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

export async function formatExt4(
  disk: string,
  label: PartitionLabel,
  { content, uuid, features, epochS }: Ext4Options,
  tools: Chroot,
): Promise<void> {
  const { offset, sizeBytes } = partitionAt(label);
  const feature = features.length === 0 ? [] : ["-O", features.join(",")];
  const extended = `offset=${offset},hash_seed=${uuid},root_owner=0:0,nodiscard`;
  const options = ["-q", "-t", "ext4", "-b", "4096", "-m", "0", "-L", label, "-U", uuid, ...feature, "-E", extended];
  await tools.run("mke2fs", [...options, "-d", content, "-F", disk, String(sizeBytes / 4096)], {
    env: epochOf(epochS),
  });
}

/** Runs debugfs's commands on an ext4 partition. It tells what failed, and ends well nevertheless: that is caught here. */
export async function editExt4(
  disk: string,
  label: PartitionLabel,
  commands: readonly string[],
  epochS: number,
  tools: Chroot,
): Promise<void> {
  const device = `${disk}?offset=${partitionAt(label).offset}`;
  const complaints: string[] = [];
  await tools.run("debugfs", ["-w", "-f", "-", device], {
    input: `${commands.join("\n")}\n`,
    env: epochOf(epochS),
    onLine: (line) => void (/^debugfs \d/.test(line) || complaints.push(line)),
  });
  if (complaints.length > 0) throw new Error(`debugfs: ${complaints.slice(0, 5).join("; ")}`);
}

export async function checkExt4(disk: string, label: PartitionLabel, tools: Chroot): Promise<void> {
  await tools.run("e2fsck", ["-f", "-n", `${disk}?offset=${partitionAt(label).offset}`]);
}
