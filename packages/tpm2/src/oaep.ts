/** RSAES-OAEP with SHA-256 and given randomness (RFC 8017, 7.1.1): what node:crypto offers draws its own. */
import assert from "node:assert/strict";
import { fromHex, toHex } from "@piccolo/bytes";
import { sha256, u32 } from "./digests.ts";

const hashBytes = 32;
export const oaepSeedBytes = hashBytes;

function mask(seed: Uint8Array, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(data.length);
  for (let at = 0, counter = 0; at < out.length; at += hashBytes, counter++) {
    out.set(sha256(seed, u32(counter)).subarray(0, out.length - at), at);
  }
  return out.map((byte, at) => byte ^ (data[at] ?? 0));
}

const toNumber = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`);

/** Encrypts a short message to the modulus with exponent 65537. The time says nothing but the modulus, which is public. */
export function oaepEncrypt(modulus: Uint8Array, label: Uint8Array, message: Uint8Array, seed: Uint8Array): Uint8Array {
  assert.equal(seed.length, hashBytes);
  const block = new Uint8Array(modulus.length - hashBytes - 1);
  assert.ok(message.length <= block.length - hashBytes - 1);
  block.set(sha256(label));
  block[block.length - message.length - 1] = 1;
  block.set(message, block.length - message.length);
  const maskedBlock = mask(seed, block);
  const encoded = new Uint8Array(modulus.length);
  encoded.set(mask(maskedBlock, seed), 1);
  encoded.set(maskedBlock, 1 + hashBytes);
  const n = toNumber(modulus);
  const base = toNumber(encoded);
  let power = base;
  for (let squared = 0; squared < 16; squared++) power = (power * power) % n;
  const out = ((power * base) % n).toString(16).padStart(modulus.length * 2, "0");
  block.fill(0);
  encoded.fill(0);
  return fromHex(out);
}
