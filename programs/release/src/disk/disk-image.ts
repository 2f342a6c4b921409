/** The whole disk, put together from files: nothing is mounted and no device is made. */
import { closeSync, openSync, readSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { Chroot } from "../chroot/chroot.ts";

const mebibyte = 1024 * 1024;

export interface EspFile {
  readonly source: string;
  /** Such as `EFI/Linux/x.efi`. */
  readonly path: string;
}

/** A FAT32 file system with these files. */
export async function buildEsp(
  output: string,
  sizeBytes: number,
  files: readonly EspFile[],
  epochS: number,
  tools: Chroot,
): Promise<void> {
  rmSync(output, { force: true });
  writeFileSync(output, "");
  truncateSync(output, sizeBytes);
  const env = { SOURCE_DATE_EPOCH: String(epochS) };
  await tools.run("mkfs.vfat", ["--invariant", "-F", "32", "-n", "PICCOLO-ESP", output], { env });
  const folders = new Set<string>();
  for (const { path } of files) {
    for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) folders.add(folder);
  }
  const inOrder = [...folders].sort((a, b) => a.length - b.length).map((folder) => `::/${folder}`);
  await tools.run("mmd", ["-i", output, ...inOrder], { env });
  for (const { source, path } of files) await tools.run("mcopy", ["-m", "-i", output, source, `::/${path}`], { env });
}

export interface Partition {
  /** Its label in the partition table: everything finds it by this. */
  readonly label: string;
  /** GUID of the partition type. */
  readonly type: string;
  readonly sizeBytes: number;
  /** Image of its content; undefined leaves it empty. */
  readonly content: string | undefined;
}

export const partitionTypes = {
  esp: "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
  // The generic type, so that no other system takes a partition for one of its own.
  linux: "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
} as const;

export async function buildDisk(output: string, partitions: readonly Partition[], tools: Chroot): Promise<void> {
  rmSync(output, { force: true });
  writeFileSync(output, "");
  let at = mebibyte;
  const lines = ["label: gpt", "unit: sectors"];
  const copies: { readonly content: string; readonly at: number }[] = [];
  for (const { label, type, sizeBytes, content } of partitions) {
    lines.push(`start=${at / 512}, size=${sizeBytes / 512}, type=${type}, name=${label}`);
    if (content !== undefined) copies.push({ content, at });
    at += sizeBytes;
  }
  truncateSync(output, at + mebibyte);
  await tools.run("sfdisk", ["-q", output], { input: `${lines.join("\n")}\n` });
  for (const { content, at } of copies) copySparse(content, output, at);
}

/** What is all zeros is left as it is: a hole. */
function copySparse(source: string, target: string, offset: number): void {
  const [from, to] = [openSync(source, "r"), openSync(target, "r+")];
  const buffer = Buffer.alloc(mebibyte);
  const zeros = Buffer.alloc(mebibyte);
  try {
    for (let at = 0; ; ) {
      const length = readSync(from, buffer, 0, buffer.length, at);
      if (length === 0) return;
      const part = buffer.subarray(0, length);
      if (!part.equals(zeros.subarray(0, length))) writeSync(to, part, 0, length, offset + at);
      at += length;
    }
  } catch (error) {
    throw new Error(`${basename(source)} could not be copied into ${basename(target)}`, { cause: error });
  } finally {
    closeSync(from);
    closeSync(to);
  }
}
