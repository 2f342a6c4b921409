/** ECDH on P-256 with keys from explicit random bytes (TPM 2.0 Part 1, annex C). */
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from "node:crypto";
import { ByteWriter, concat, fromHex, malformed, toBase64Url } from "@piccolo/bytes";
import type { World } from "@piccolo/world";
import { type TpmReader, tpm2b } from "./reader.ts";

export interface EccPoint {
  readonly x: Uint8Array;
  readonly y: Uint8Array;
}

export const coordinateBytes = 32;

// RFC 5208 around RFC 5915 without a public key: OpenSSL computes the point.
const privateKeyPrefix = fromHex("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420");
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

function isScalar(bytes: Uint8Array): boolean {
  const value = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  return value > 0n && value < order;
}

/** A key whose secret is made of random bytes; the astronomically rare bytes outside the group's order are drawn again. */
export function newEphemeralKey(world: World): { readonly key: KeyObject; readonly point: EccPoint } {
  for (;;) {
    const secret = world.randomBytes(coordinateBytes);
    if (!isScalar(secret)) continue;
    const der = concat(privateKeyPrefix, secret);
    const key = createPrivateKey({ key: Buffer.from(der.buffer), format: "der", type: "pkcs8" });
    secret.fill(0);
    der.fill(0);
    return { key, point: pointOf(key) };
  }
}

/** The public point of a P-256 key, private or public. */
export function pointOf(key: KeyObject): EccPoint {
  const spki = (key.type === "private" ? createPublicKey(key) : key).export({ format: "der", type: "spki" });
  const point = Uint8Array.from(spki.subarray(-2 * coordinateBytes));
  return { x: point.subarray(0, coordinateBytes), y: point.subarray(coordinateBytes) };
}

/** A public key from outside. Throws `malformed` for a point that is not on the curve. */
export function publicKeyOf(point: EccPoint): KeyObject {
  try {
    const jwk = { kty: "EC", crv: "P-256", x: toBase64Url(padded(point.x)), y: toBase64Url(padded(point.y)) };
    return createPublicKey({ key: jwk, format: "jwk" });
  } catch (cause) {
    throw malformed("the point is not on the curve P-256", cause);
  }
}

/** A public key from outside as DER (SubjectPublicKeyInfo). Throws `malformed` for a point that is not on the curve. */
export function spkiOf(point: EccPoint): Uint8Array {
  return new Uint8Array(publicKeyOf(point).export({ format: "der", type: "spki" }));
}

/** A TPM may leave out leading zeros of a coordinate (Part 1, C.8); the derivations take all 32 bytes. */
export function padded(coordinate: Uint8Array): Uint8Array {
  if (coordinate.length > coordinateBytes) throw malformed("a coordinate is longer than 32 bytes");
  const out = new Uint8Array(coordinateBytes);
  out.set(coordinate, coordinateBytes - coordinate.length);
  return out;
}

/** The x coordinate of the exchange (Part 1, C.6.1). */
export function exchange(privateKey: KeyObject, publicKey: KeyObject): Uint8Array {
  return new Uint8Array(diffieHellman({ privateKey, publicKey }));
}

/** A TPMS_ECC_POINT (Part 2, 11.2.5.2). */
export function encodePoint(point: EccPoint): Uint8Array {
  return tpm2b(tpm2b(new ByteWriter(), point.x), point.y).finish();
}

export function decodePoint(reader: TpmReader): EccPoint {
  return { x: reader.tpm2b(coordinateBytes), y: reader.tpm2b(coordinateBytes) };
}
