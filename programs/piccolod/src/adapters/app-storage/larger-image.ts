/**
 * The file system in an image file is made to fill it after the file was made larger. Where the kernel lets the device, it
 * grows while it is mounted, step by step in its own journal: a power cut at any moment leaves a whole one, which the next
 * mount goes on with. Elsewhere, as for a daemon without CAP_SYS_RESOURCE, it grows in a copy that takes the file's place.
 */
import { closeSync, openSync, readFileSync, readSync, renameSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { copyFile } from "./copy-file.ts";
import { mend } from "./mend.ts";
import { type MountView, runProgram } from "./run-program.ts";
import { syncPath } from "./sync-path.ts";

/** Of the largest file system on the slowest disk. */
const growMs = 3_600_000;
/** At the end of the file, too little for another group of blocks. */
const slackBytes = 4 * 1024 * 1024;
const superblockAt = 1_024;
const field = { blocksLow: 0x04, blockSize: 0x18, blocksHigh: 0x150 } as const;
const capSysResource = 24n;

/** Whether the kernel lets this process make a file system larger while it is mounted. */
export function mayResizeMounted(): boolean {
  const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return ((BigInt(`0x${capabilities}`) >> capSysResource) & 1n) === 1n;
}

interface FileSystemSize {
  readonly blockBytes: number;
  readonly sizeBytes: number;
}

/** By the file: of one that is mounted, what was last written down. */
function sizeOf(path: string): FileSystemSize {
  const superblock = new DataView(new ArrayBuffer(1_024));
  const file = openSync(path, "r");
  try {
    readSync(file, superblock, 0, superblock.byteLength, superblockAt);
  } finally {
    closeSync(file);
  }
  const blockBytes = 1_024 * 2 ** superblock.getUint32(field.blockSize, true);
  const blocks = superblock.getUint32(field.blocksLow, true) + 2 ** 32 * superblock.getUint32(field.blocksHigh, true);
  return { blockBytes, sizeBytes: blocks * blockBytes };
}

/** Whether its file system does not fill it. */
export function isShort(path: string): boolean {
  return statSync(path).size - sizeOf(path).sizeBytes > slackBytes;
}

/** What a file system with blocks of this size can grow to: the table of its groups takes at most a quarter of one. */
export function largestBytes(path: string): number {
  return sizeOf(path).blockBytes ** 4 / 4;
}

/** `device`: the loop device of the file, mounted in this view. Throws `disk-full`, `app-storage-failed`. */
export async function growMounted(device: string, view: MountView): Promise<void> {
  await runProgram("/sbin/losetup", ["--set-capacity", device]);
  await view.run("/sbin/resize2fs", [device], growMs);
}

/** Of a file nobody uses. Throws `disk-full`, `app-storage-failed`; the file is what it was then. */
export async function growByCopy(path: string): Promise<void> {
  const next = `${path}.new`;
  try {
    await copyFile(path, next);
    // Nothing is made larger that was not looked through just before.
    await mend(next, "always");
    await runProgram("/sbin/resize2fs", [next], growMs);
    await syncPath(next);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
  renameSync(next, path);
  await syncPath(dirname(path));
}
