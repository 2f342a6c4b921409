/**
 * ext4 with fs-verity, made without a kernel that knows it: the metadata lies behind a file's end (Linux
 * fs/ext4/verity.c), so that a file is written with it and its size and flag are set afterwards.
 */
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { type Verity, verityBlockBytes } from "../usr/fs-verity.ts";

/** Flags of an inode: extents, and fs-verity. */
export const verityInodeFlags = 0x0008_0000 | 0x0010_0000;

const metadataAlignment = 65_536;

const alignUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** Writes content and metadata to `path`; the gap in between stays a hole. */
export function writeVerityFile(path: string, content: Uint8Array, verity: Verity, mode: number): void {
  const treeAt = alignUp(content.length, metadataAlignment);
  const descriptorAt = treeAt + verity.tree.length;
  // The last word of the last block is the length of the descriptor.
  const end = alignUp(descriptorAt + verity.descriptor.length + 4, verityBlockBytes);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(verity.descriptor.length);
  const file = openSync(path, "wx", mode);
  try {
    ftruncateSync(file, end);
    writeSync(file, content, 0, content.length, 0);
    writeSync(file, verity.tree, 0, verity.tree.length, treeAt);
    writeSync(file, verity.descriptor, 0, verity.descriptor.length, descriptorAt);
    writeSync(file, length, 0, 4, end - 4);
  } finally {
    closeSync(file);
  }
}
