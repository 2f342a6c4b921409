import { ByteReader, ByteWriter, equalConstantTime, malformed, toHex } from "@piccolo/bytes";
import {
  cellBytes,
  cellCount,
  cellLength,
  decodeHeader,
  type FragmentHash,
  type FragmentHeader,
  fragmentRoot,
  hashBytes,
} from "../fragment/index.ts";
import type { Disk } from "../ports/index.ts";

export const fragmentsFolder = "fragments";
/** Names of files that are still being written begin so; what a crash leaves of them goes at the next start. */
export const incomingPrefix = "incoming-";

export function folderOf(account: Uint8Array): string {
  return `${fragmentsFolder}/${toHex(account)}`;
}

export function pathOf(account: Uint8Array, segmentId: Uint8Array): string {
  return `${folderOf(account)}/${toHex(segmentId)}`;
}

/**
 * What a holder keeps per fragment (docs/spec/fragment.md): format 1, the length of the header, the header, the hashes
 * of all cells, the cells. Header and hashes come first, so that any cell can be sent with its proof by two reads.
 */
const format = 1;
const fixedBytes = 5;
const maxHeaderBytes = 10_240;

/** Reading this much at the start of a file nearly always gets the whole preamble. */
export const usualPreambleBytes = 4_096;

export interface Preamble {
  readonly headerBytes: Uint8Array;
  readonly header: FragmentHeader;
  readonly leaves: readonly Uint8Array[];
  /** Where the first cell begins in the file. */
  readonly bodyOffset: number;
}

export function encodePreamble(headerBytes: Uint8Array, leaves: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter().u8(format).sized(headerBytes);
  for (const leaf of leaves) writer.fixed(leaf, hashBytes);
  return writer.finish();
}

/** How many bytes the preamble of the file has that begins so; needs the first `usualPreambleBytes`, or the whole file. */
export function preambleLength(start: Uint8Array): number {
  const reader = new ByteReader(start);
  if (reader.u8() !== format) throw malformed("the fragment file has an unknown format");
  const headerLength = reader.u32();
  if (headerLength > maxHeaderBytes) throw malformed("the fragment file's header is too long");
  if (headerLength > reader.remaining) return fixedBytes + headerLength + 128 * hashBytes;
  const header = decodeHeader(reader.fixed(headerLength));
  return fixedBytes + headerLength + cellCount(header.fragmentBytes) * hashBytes;
}

/** `bytes` may go on after the preamble. Throws `malformed`. */
export function decodePreamble(bytes: Uint8Array): Preamble {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== format) throw malformed("the fragment file has an unknown format");
  const headerBytes = reader.sized(maxHeaderBytes).slice();
  const header = decodeHeader(headerBytes);
  const count = cellCount(header.fragmentBytes);
  const leaves = Array.from({ length: count }, () => reader.fixed(hashBytes).slice());
  return { headerBytes, header, leaves, bodyOffset: fixedBytes + headerBytes.length + count * hashBytes };
}

/** Reads the preamble of a file of that size. Throws `malformed`, `not-found`, `disk-error`. */
export async function readPreamble(disk: Disk, path: string, sizeBytes: number): Promise<Preamble> {
  const start = await disk.read(path, 0, Math.min(usualPreambleBytes, sizeBytes));
  const length = preambleLength(start);
  return decodePreamble(length <= start.length ? start : await disk.read(path, 0, Math.min(length, sizeBytes)));
}

/** The hashes of the cells, if they give the root that the header names for its index. */
export function provenLeaves(
  header: FragmentHeader,
  body: Uint8Array,
  hash: FragmentHash,
): readonly Uint8Array[] | undefined {
  const root = header.roots[header.key.index];
  if (root === undefined || body.length !== header.fragmentBytes) return undefined;
  const leaves: Uint8Array[] = [];
  for (let cell = 0; cell < cellCount(body.length); cell++) {
    const start = cell * cellBytes;
    leaves.push(hash(body.subarray(start, start + cellLength(body.length, cell))));
  }
  return equalConstantTime(fragmentRoot(leaves, body.length, hash), root) ? leaves : undefined;
}
