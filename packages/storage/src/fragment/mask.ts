import { createCipheriv, hkdfSync } from "node:crypto";
import { concat, toUtf8 } from "@piccolo/bytes";
import { cellBytes, type FragmentKey } from "./format.ts";

const label = toUtf8("piccolo copy mask v1");

/**
 * Masks, or unmasks, one cell of a plain copy (k = 1): XOR with an AES-256-CTR keystream under a key that belongs to
 * this one copy. So no two holders have the same bytes, and none can answer for its own copy with another's.
 */
export function maskCell(maskKey: Uint8Array, key: FragmentKey, cell: number, bytes: Uint8Array): Uint8Array {
  const info = concat(label, key.segmentId, Uint8Array.of(key.index));
  const copyKey = new Uint8Array(hkdfSync("sha256", maskKey, new Uint8Array(0), info, 32));
  const counter = new DataView(new ArrayBuffer(16));
  counter.setBigUint64(8, BigInt(cell * (cellBytes / 16)));
  return createCipheriv("aes-256-ctr", copyKey, new Uint8Array(counter.buffer)).update(bytes);
}
