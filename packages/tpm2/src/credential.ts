/** TPM2_MakeCredential without a TPM (Part 1, 24 Credential Protection; annexes B.10.4 and C.6.4). */
import assert from "node:assert/strict";
import { ByteWriter, concat, toUtf8 } from "@piccolo/bytes";
import type { World } from "@piccolo/world";
import { aesCfb, kdfA, kdfE } from "./derivation.ts";
import { hmacSha256 } from "./digests.ts";
import { oaepEncrypt, oaepSeedBytes } from "./oaep.ts";
import { encodePoint, exchange, newEphemeralKey, padded, publicKeyOf } from "./p256.ts";
import type { EccPublic, PublicArea } from "./public-area.ts";
import { tpm2b } from "./reader.ts";

export interface Credential {
  /** TPMS_ID_OBJECT: the secret, encrypted and bound to the name of the key it is for. */
  readonly blob: Uint8Array;
  /** The seed of its keys, encrypted to the endorsement key. */
  readonly encryptedSeed: Uint8Array;
}

const none = new Uint8Array(0);

/** A secret agreed with the TPM that has the private part of `key`, and what it needs to agree (Part 1, C.6.1). */
export function agreeWith(
  key: EccPublic,
  label: string,
  world: World,
): { readonly secret: Uint8Array; readonly encrypted: Uint8Array } {
  const theirs = publicKeyOf(key.point);
  const own = newEphemeralKey(world);
  const z = exchange(own.key, theirs);
  const secret = kdfE(z, label, own.point.x, padded(key.point.x));
  z.fill(0);
  return { secret, encrypted: encodePoint(own.point) };
}

function agreeSeed(key: PublicArea, world: World): { readonly secret: Uint8Array; readonly encrypted: Uint8Array } {
  if (key.type === "ecc") return agreeWith(key, "IDENTITY", world);
  assert.ok(key.type === "rsa", "an endorsement key is an ECC or RSA key");
  const secret = world.randomBytes(32);
  const label = toUtf8("IDENTITY\0");
  return { secret, encrypted: oaepEncrypt(key.modulus, label, secret, world.randomBytes(oaepSeedBytes)) };
}

/**
 * Encrypts 1 to 32 bytes so that only the TPM with this endorsement key gives them back, and only if the key with this
 * name is in it. Whoever returns the secret has thereby bound that key to the endorsement key.
 */
export function makeCredential(
  endorsementKey: PublicArea,
  keyName: Uint8Array,
  secret: Uint8Array,
  world: World,
): Credential {
  assert.ok(secret.length >= 1 && secret.length <= 32);
  const seed = agreeSeed(endorsementKey, world);
  const symmetricKey = kdfA(seed.secret, "STORAGE", keyName, none, 128);
  const plain = tpm2b(new ByteWriter(), secret).finish();
  const encrypted = aesCfb(symmetricKey, new Uint8Array(16), plain, "encrypt");
  const hmacKey = kdfA(seed.secret, "INTEGRITY", none, none, 256);
  const blob = concat(tpm2b(new ByteWriter(), hmacSha256(hmacKey, encrypted, keyName)).finish(), encrypted);
  for (const bytes of [seed.secret, symmetricKey, plain, hmacKey]) bytes.fill(0);
  return { blob, encryptedSeed: seed.encrypted };
}
