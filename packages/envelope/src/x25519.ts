import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { concat, fromHex } from "@piccolo/bytes";

export const x25519KeyBytes = 32;

// The fixed DER that RFC 8410 puts before the 32 raw bytes of a key.
const privatePrefix = fromHex("302e020100300506032b656e04220420");
const publicPrefix = fromHex("302a300506032b656e032100");

/** The key object of a 32-byte private key; the seed stays the caller's, who may erase it at once. */
export function x25519PrivateKey(seed: Uint8Array): KeyObject {
  assert.equal(seed.length, x25519KeyBytes);
  const der = concat(privatePrefix, seed);
  const key = createPrivateKey({ key: Buffer.from(der.buffer), format: "der", type: "pkcs8" });
  der.fill(0);
  return key;
}

export function x25519PublicKeyObject(publicKey: Uint8Array): KeyObject {
  assert.equal(publicKey.length, x25519KeyBytes);
  const der = concat(publicPrefix, publicKey);
  return createPublicKey({ key: Buffer.from(der.buffer), format: "der", type: "spki" });
}

/** The raw public key (32 bytes) of a 32-byte private key. */
export function x25519PublicKey(seed: Uint8Array): Uint8Array {
  const der = createPublicKey(x25519PrivateKey(seed)).export({ format: "der", type: "spki" });
  return new Uint8Array(der.subarray(-x25519KeyBytes));
}
