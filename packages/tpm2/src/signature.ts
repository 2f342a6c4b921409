/** TPMT_SIGNATURE (Part 2, 11.3.4): ECDSA on P-256 and RSASSA, both over SHA-256. */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { ByteWriter, concat, malformed, toBase64Url } from "@piccolo/bytes";
import { algorithms } from "./constants.ts";
import { coordinateBytes, padded, publicKeyOf } from "./p256.ts";
import type { PublicArea } from "./public-area.ts";
import { tpm2b, type TpmReader } from "./reader.ts";

export type TpmSignature =
  | { readonly scheme: "ecdsa-sha256"; readonly r: Uint8Array; readonly s: Uint8Array }
  | { readonly scheme: "rsassa-sha256"; readonly signature: Uint8Array };

export function encodeSignature(signature: TpmSignature): Uint8Array<ArrayBuffer> {
  if (signature.scheme === "ecdsa-sha256") {
    const writer = new ByteWriter().u16(algorithms.ecdsa).u16(algorithms.sha256);
    return tpm2b(tpm2b(writer, signature.r), signature.s).finish();
  }
  return tpm2b(new ByteWriter().u16(algorithms.rsaSsa).u16(algorithms.sha256), signature.signature).finish();
}

export function readSignature(reader: TpmReader): TpmSignature {
  const scheme = reader.u16();
  reader.expect(reader.u16(), algorithms.sha256, "the signature's hash");
  switch (scheme) {
    case algorithms.ecdsa:
      return { scheme: "ecdsa-sha256", r: reader.tpm2b(coordinateBytes), s: reader.tpm2b(coordinateBytes) };
    case algorithms.rsaSsa:
      return { scheme: "rsassa-sha256", signature: reader.tpm2b(512) };
    default:
      throw malformed(`a signature of scheme 0x${scheme.toString(16)}`);
  }
}

/** The signature of 64 raw bytes (IEEE P1363), as node:crypto and release keys give it. */
export function ecdsaSignature(raw: Uint8Array): TpmSignature {
  if (raw.length !== 2 * coordinateBytes) throw malformed("an ECDSA signature on P-256 has 64 bytes");
  return { scheme: "ecdsa-sha256", r: raw.subarray(0, coordinateBytes), s: raw.subarray(coordinateBytes) };
}

function rsaKeyOf(modulus: Uint8Array): KeyObject {
  return createPublicKey({ key: { kty: "RSA", n: toBase64Url(modulus), e: "AQAB" }, format: "jwk" });
}

/** Whether the key of this public area signed the message. Schemes and key types that do not fit are simply no. */
export function isSignedBy(area: PublicArea, message: Uint8Array, signature: TpmSignature): boolean {
  if (area.type === "ecc" && signature.scheme === "ecdsa-sha256") {
    const raw = concat(padded(signature.r), padded(signature.s));
    return verify("sha256", message, { key: publicKeyOf(area.point), dsaEncoding: "ieee-p1363" }, raw);
  }
  if (area.type === "rsa" && signature.scheme === "rsassa-sha256") {
    return verify("sha256", message, rsaKeyOf(area.modulus), signature.signature);
  }
  return false;
}
