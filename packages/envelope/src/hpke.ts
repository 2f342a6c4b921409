/**
 * Hybrid public key encryption (RFC 9180), base mode, one message a context, in the one suite DHKEM(X25519, HKDF-SHA256),
 * HKDF-SHA256, AES-256-GCM. Names in quotes are those of the RFC.
 */
import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv, createHmac, diffieHellman, type KeyObject } from "node:crypto";
import { ByteWriter, concat, toUtf8 } from "@piccolo/bytes";
import { x25519PrivateKey, x25519PublicKey, x25519PublicKeyObject } from "./x25519.ts";

export const hpkeEncapsulatedBytes = 32;
export const hpkeTagBytes = 16;

const kemSuite = concat(toUtf8("KEM"), new ByteWriter().u16(0x0020).finish());
const hpkeSuite = concat(toUtf8("HPKE"), new ByteWriter().u16(0x0020).u16(0x0001).u16(0x0002).finish());
const baseMode = 0;
const empty = new Uint8Array(0);
const hashBytes = 32;

function hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac("sha256", key);
  for (const part of parts) mac.update(part);
  return new Uint8Array(mac.digest());
}

/** "LabeledExtract". */
function extract(suite: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array): Uint8Array {
  return hmac(salt, toUtf8("HPKE-v1"), suite, toUtf8(label), ikm);
}

/** "LabeledExpand", for at most one block of output. */
function expand(suite: Uint8Array, prk: Uint8Array, label: string, info: Uint8Array, length: number): Uint8Array {
  assert.ok(length <= hashBytes);
  const wide = hmac(
    prk,
    new ByteWriter().u16(length).finish(),
    toUtf8("HPKE-v1"),
    suite,
    toUtf8(label),
    info,
    new Uint8Array([1]),
  );
  const out = wide.slice(0, length);
  wide.fill(0);
  return out;
}

/** "DeriveKeyPair": the private key, 32 bytes, that input of at least 32 random bytes gives. */
export function hpkePrivateKey(ikm: Uint8Array): Uint8Array {
  assert.ok(ikm.length >= 32);
  const prk = extract(kemSuite, empty, "dkp_prk", ikm);
  const key = expand(kemSuite, prk, "sk", empty, 32);
  prk.fill(0);
  return key;
}

/** The Diffie-Hellman value, or undefined for public keys of small order, which would make it known to everybody. */
function agree(privateKey: KeyObject, publicKey: Uint8Array): Uint8Array | undefined {
  try {
    const shared = new Uint8Array(diffieHellman({ privateKey, publicKey: x25519PublicKeyObject(publicKey) }));
    return shared.every((byte) => byte === 0) ? undefined : shared;
  } catch {
    return undefined;
  }
}

/** "ExtractAndExpand" and "KeySchedule": key and nonce of the one message. */
function schedule(
  shared: Uint8Array,
  encapsulated: Uint8Array,
  recipient: Uint8Array,
  info: Uint8Array,
): { readonly key: Uint8Array; readonly nonce: Uint8Array } {
  const eaePrk = extract(kemSuite, empty, "eae_prk", shared);
  const sharedSecret = expand(kemSuite, eaePrk, "shared_secret", concat(encapsulated, recipient), 32);
  const context = concat(
    new Uint8Array([baseMode]),
    extract(hpkeSuite, empty, "psk_id_hash", empty),
    extract(hpkeSuite, empty, "info_hash", info),
  );
  const secret = extract(hpkeSuite, sharedSecret, "secret", empty);
  const key = expand(hpkeSuite, secret, "key", context, 32);
  const nonce = expand(hpkeSuite, secret, "base_nonce", context, 12);
  for (const spent of [shared, eaePrk, sharedSecret, secret]) spent.fill(0);
  return { key, nonce };
}

/**
 * "SealBase" with an ephemeral key that derives from `ephemeralIkm` (32 fresh random bytes, used once). Undefined where the
 * recipient's key is of small order.
 */
export function hpkeSeal(
  recipient: Uint8Array,
  info: Uint8Array,
  associatedData: Uint8Array,
  plain: Uint8Array,
  ephemeralIkm: Uint8Array,
): { readonly encapsulated: Uint8Array; readonly ciphertext: Uint8Array } | undefined {
  const seed = hpkePrivateKey(ephemeralIkm);
  const encapsulated = x25519PublicKey(seed);
  const shared = agree(x25519PrivateKey(seed), recipient);
  seed.fill(0);
  if (shared === undefined) return undefined;
  const { key, nonce } = schedule(shared, encapsulated, recipient, info);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: hpkeTagBytes });
  key.fill(0);
  cipher.setAAD(associatedData);
  const ciphertext = cipher.update(plain);
  cipher.final();
  return { encapsulated, ciphertext: concat(ciphertext, cipher.getAuthTag()) };
}

/** "OpenBase": undefined where it does not open. `recipient` is the public key of `privateKey`. */
export function hpkeOpen(
  privateKey: KeyObject,
  recipient: Uint8Array,
  encapsulated: Uint8Array,
  info: Uint8Array,
  associatedData: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  if (encapsulated.length !== hpkeEncapsulatedBytes || sealed.length < hpkeTagBytes) return undefined;
  const shared = agree(privateKey, encapsulated);
  if (shared === undefined) return undefined;
  const { key, nonce } = schedule(shared, encapsulated, recipient, info);
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: hpkeTagBytes });
  key.fill(0);
  decipher.setAAD(associatedData);
  decipher.setAuthTag(sealed.subarray(sealed.length - hpkeTagBytes));
  const opened = decipher.update(sealed.subarray(0, sealed.length - hpkeTagBytes));
  try {
    decipher.final();
    return new Uint8Array(opened);
  } catch {
    return undefined;
  } finally {
    opened.fill(0);
  }
}
