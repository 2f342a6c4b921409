import { createCipheriv, hkdfSync } from "node:crypto";
import { concat, toUtf8 } from "@piccolo/bytes";
import { cellBytes, type FragmentKey } from "./format.ts";

const copyLabel = toUtf8("piccolo copy mask v1");
const paddingLabel = toUtf8("piccolo segment padding v1");

/** AES-256-CTR under HKDF-SHA-256(maskKey, info), from a block of 16 bytes on. */
function keystreamOver(maskKey: Uint8Array, info: Uint8Array, firstBlock: number, bytes: Uint8Array): Uint8Array {
  const key = new Uint8Array(hkdfSync("sha256", maskKey, new Uint8Array(0), info, 32));
  const counter = new DataView(new ArrayBuffer(16));
  counter.setBigUint64(8, BigInt(firstBlock));
  return createCipheriv("aes-256-ctr", key, new Uint8Array(counter.buffer)).update(bytes);
}

/**
 * Masks, or unmasks, one cell of a plain copy (k = 1): XOR with a keystream that belongs to this one copy. So no two
 * holders have the same bytes, and none can answer for its own copy with another's.
 */
export function maskCell(maskKey: Uint8Array, key: FragmentKey, cell: number, bytes: Uint8Array): Uint8Array {
  const info = concat(copyLabel, key.segmentId, Uint8Array.of(key.index));
  return keystreamOver(maskKey, info, cell * (cellBytes / 16), bytes);
}

/**
 * What fills a segment up to its size class. It looks like the sealed bytes before it, so a holder does not see where
 * these end, and it is the same every time, so a segment can be coded again with the same roots.
 */
export function segmentPadding(maskKey: Uint8Array, segmentId: Uint8Array, lengthBytes: number): Uint8Array {
  return keystreamOver(maskKey, concat(paddingLabel, segmentId), 0, new Uint8Array(lengthBytes));
}
