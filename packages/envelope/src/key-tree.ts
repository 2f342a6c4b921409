import assert from "node:assert/strict";
import { hkdfSync } from "node:crypto";
import { toUtf8 } from "@piccolo/bytes";
import type { World } from "@piccolo/world";

export const secretBytes = 32;

const labels = {
  kek: "piccolo/envelope/v1/kek",
  "metadata-key": "piccolo/envelope/v1/metadata-key",
  "owner-signing-key": "piccolo/envelope/v1/owner-signing-key",
  "file-key": "piccolo/envelope/v1/file-key",
  "fek-wrap": "piccolo/envelope/v1/fek-wrap",
  "fek-commitment": "piccolo/envelope/v1/fek-commitment",
  extent: "piccolo/envelope/v1/extent",
  "slots-key": "piccolo/slots/v1/slots-key",
  "volume-wrap": "piccolo/slots/v1/volume-wrap",
  "previous-root-wrap": "piccolo/slots/v1/previous-root-wrap",
  "phrase-root-wrap": "piccolo/slots/v1/phrase-root-wrap",
  "phrase-slot-key": "piccolo/slots/v1/phrase-slot-key",
  "locator-key": "piccolo/slots/v1/locator-key",
} as const;

const noSalt = new Uint8Array(0);

/** HKDF-SHA-256 with one of the fixed labels as info; 32 bytes, owned by the caller. */
export function deriveKey(ikm: Uint8Array, label: keyof typeof labels, salt: Uint8Array = noSalt): Uint8Array {
  assert.equal(ikm.length, secretBytes);
  return new Uint8Array(hkdfSync("sha256", ikm, salt, toUtf8(labels[label]), secretBytes));
}

/**
 * HKDF-SHA-256 into a key and a commitment to it, 32 bytes each: AES-GCM alone lets one ciphertext open under two keys.
 * `info` begins with a label of its use. Both are the caller's, who erases the key.
 */
export function deriveCommittedKey(
  ikm: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
): { readonly key: Uint8Array; readonly commitment: Uint8Array } {
  assert.ok(ikm.length === secretBytes && salt.length === secretBytes);
  const both = new Uint8Array(hkdfSync("sha256", ikm, salt, info, 2 * secretBytes));
  return { key: both.subarray(0, secretBytes), commitment: both.subarray(secretBytes) };
}

/** A fresh root secret (32 bytes) for a new key epoch. */
export function newRootSecret(world: World): Uint8Array {
  return world.randomBytes(secretBytes);
}

/** A fresh file encryption key (32 bytes): one per version, never reused. */
export function newFek(world: World): Uint8Array {
  return world.randomBytes(secretBytes);
}
