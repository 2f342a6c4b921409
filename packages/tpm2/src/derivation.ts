/** The key derivations of TPM 2.0 Part 1, 11.4.10, over SHA-256, and its CFB mode. */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { toUtf8 } from "@piccolo/bytes";
import { hmacSha256, sha256, u32 } from "./digests.ts";

const zero = new Uint8Array(1);

/** KDFa (11.4.10.2). `bits` is a multiple of 8. */
export function kdfA(
  key: Uint8Array,
  label: string,
  u: Uint8Array,
  v: Uint8Array,
  bits: number,
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(bits / 8);
  for (let at = 0, counter = 1; at < out.length; counter++) {
    const block = hmacSha256(key, u32(counter), toUtf8(label), zero, u, v, u32(bits));
    out.set(block.subarray(0, out.length - at), at);
    block.fill(0);
    at += 32;
  }
  return out;
}

/** KDFe (11.4.10.3): 256 bits from the x coordinate of an ECDH exchange. */
export function kdfE(z: Uint8Array, label: string, partyU: Uint8Array, partyV: Uint8Array): Uint8Array<ArrayBuffer> {
  return sha256(u32(1), z, toUtf8(label), zero, partyU, partyV);
}

/** AES-128 in CFB mode (Part 1, 21.3): in one direction only its caller knows. */
export function aesCfb(
  key: Uint8Array,
  iv: Uint8Array,
  data: Uint8Array,
  direction: "encrypt" | "decrypt",
): Uint8Array {
  const cipher =
    direction === "encrypt" ? createCipheriv("aes-128-cfb", key, iv) : createDecipheriv("aes-128-cfb", key, iv);
  return new Uint8Array(cipher.update(data));
}
