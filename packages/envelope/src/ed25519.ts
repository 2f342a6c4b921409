import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { concat, fromHex, toHex } from "@piccolo/bytes";

export const ed25519KeyBytes = 32;
export const ed25519SignatureBytes = 64;

// The fixed DER that RFC 8410 puts before the 32 raw bytes of a key.
const privatePrefix = fromHex("302e020100300506032b657004220420");
const publicPrefix = fromHex("302a300506032b6570032100");

/** Signs; holds its private key where neither JSON nor inspection reaches it. */
export interface Ed25519Key {
  /** 32 raw bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes. Deterministic: the same message gives the same signature. */
  sign(message: Uint8Array): Uint8Array;
}

function rawPublicKey(key: KeyObject): Uint8Array {
  return new Uint8Array(createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-ed25519KeyBytes));
}

function privateKey(seed: Uint8Array): KeyObject {
  assert.equal(seed.length, ed25519KeyBytes);
  const der = concat(privatePrefix, seed);
  const key = createPrivateKey({ key: Buffer.from(der.buffer), format: "der", type: "pkcs8" });
  der.fill(0);
  return key;
}

class SeedKey implements Ed25519Key {
  readonly publicKey: Uint8Array;
  readonly #key: KeyObject;

  constructor(seed: Uint8Array) {
    this.#key = privateKey(seed);
    this.publicKey = rawPublicKey(this.#key);
  }

  sign(message: Uint8Array): Uint8Array {
    return new Uint8Array(sign(null, message, this.#key));
  }
}

/** The key of a 32-byte seed (RFC 8032). The seed stays the caller's, who may erase it at once. */
export function ed25519FromSeed(seed: Uint8Array): Ed25519Key {
  return new SeedKey(seed);
}

// Points whose order divides 8, by their y coordinate: under such a key one signature fits almost any message, so it
// proves nothing. The two long values are the y of the points of order 8.
const smallOrderY = new Set([
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  `ec${"ff".repeat(30)}7f`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]);

/** Whether 32 bytes may serve as a public key: the canonical encoding (y below 2^255 - 19) of a point not of small order. */
export function isAcceptablePublicKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== ed25519KeyBytes) return false;
  const y = new Uint8Array(publicKey);
  const top = (y[31] ?? 0) & 0x7f;
  y[31] = top;
  const atLeastP = top === 0x7f && (y[0] ?? 0) >= 0xed && y.subarray(1, 31).every((byte) => byte === 0xff);
  return !atLeastP && !smallOrderY.has(toHex(y));
}

/** False for a wrong signature, for wrong sizes and for keys that are not canonical or of small order; never throws. */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== ed25519SignatureBytes || !isAcceptablePublicKey(publicKey)) return false;
  const der = concat(publicPrefix, publicKey);
  const key = createPublicKey({ key: Buffer.from(der.buffer), format: "der", type: "spki" });
  return verify(null, message, key, signature);
}
