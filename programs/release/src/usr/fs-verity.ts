/**
 * fs-verity as the kernel computes it (Documentation/filesystems/fsverity.rst): SHA-256 over blocks of 4096 bytes, no
 * salt. The digest names content; a kernel that has the tree checks each block when it is read.
 */
import { hash } from "node:crypto";

export const verityBlockBytes = 4096;
const hashBytes = 32;
const descriptorBytes = 256;

export interface Verity {
  /** SHA-256 of the descriptor: what overlayfs compares. */
  readonly digest: Uint8Array;
  /** Hash blocks, the level next to the root first; empty for content of at most one block. */
  readonly tree: Uint8Array;
  readonly descriptor: Uint8Array;
}

/** The hashes of all blocks of `content`, the last block padded with zeros. */
function hashBlocks(content: Uint8Array): Uint8Array {
  const blocks = Math.ceil(content.length / verityBlockBytes);
  const hashes = new Uint8Array(blocks * hashBytes);
  for (let at = 0; at < blocks; at++) {
    let block = content.subarray(at * verityBlockBytes, (at + 1) * verityBlockBytes);
    if (block.length < verityBlockBytes) block = padded(block);
    hashes.set(hash("sha256", block, "buffer"), at * hashBytes);
  }
  return hashes;
}

function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(Math.ceil(bytes.length / verityBlockBytes) * verityBlockBytes);
  whole.set(bytes);
  return whole;
}

export function verityOf(content: Uint8Array): Verity {
  const levels: Uint8Array[] = [];
  let hashes = hashBlocks(content);
  while (hashes.length > hashBytes) {
    levels.unshift(padded(hashes));
    hashes = hashBlocks(hashes);
  }
  const descriptor = new Uint8Array(descriptorBytes);
  const view = new DataView(descriptor.buffer);
  view.setUint8(0, 1); // version
  view.setUint8(1, 1); // SHA-256
  view.setUint8(2, Math.log2(verityBlockBytes));
  view.setBigUint64(8, BigInt(content.length), true);
  // The root hash of no content is all zeros.
  descriptor.set(hashes, 16);
  return { digest: hash("sha256", descriptor, "buffer"), tree: Buffer.concat(levels), descriptor };
}
