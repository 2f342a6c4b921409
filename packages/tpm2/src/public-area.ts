/** TPMT_PUBLIC (Part 2, 12.2.4): the public area of objects, as far as this system makes and meets them. */
import { ByteWriter, malformed } from "@piccolo/bytes";
import { algorithms, curveP256, objectAttributes } from "./constants.ts";
import { nameOf } from "./digests.ts";
import { coordinateBytes, decodePoint, type EccPoint } from "./p256.ts";
import { tpm2b, TpmReader } from "./reader.ts";

interface CommonPublic {
  /** TPMA_OBJECT bits. */
  readonly attributes: number;
  /** Policy digest, or empty. */
  readonly authPolicy: Uint8Array;
}

/** A key that protects others: AES-128 in CFB mode where it is a parent, none where it is not (TPMT_SYM_DEF_OBJECT). */
type Symmetric = "aes-128-cfb" | "none";

export interface EccPublic extends CommonPublic {
  readonly type: "ecc";
  readonly symmetric: Symmetric;
  /** ECDSA with SHA-256, or none for keys that only decrypt. */
  readonly scheme: "ecdsa-sha256" | "none";
  readonly point: EccPoint;
}

export interface RsaPublic extends CommonPublic {
  readonly type: "rsa";
  readonly symmetric: Symmetric;
  readonly scheme: "none" | "rsassa-sha256";
  readonly bits: 2048 | 3072 | 4096;
  /** Exponent 65537; empty or zeros in a template. */
  readonly modulus: Uint8Array;
}

/** Sealed data (a keyed hash object without scheme). */
export interface SealedPublic extends CommonPublic {
  readonly type: "sealed";
  readonly unique: Uint8Array;
}

export type PublicArea = EccPublic | RsaPublic | SealedPublic;

/** A TPM2B_PUBLIC is never longer than this. */
export const publicBytesMax = 700;

const typeCodes = { ecc: algorithms.ecc, rsa: algorithms.rsa, sealed: algorithms.keyedHash } as const;
const knownAttributes = Object.values(objectAttributes).reduce((all, bit) => all | bit, 1 << 2) | (1 << 11);

function writeSymmetric(writer: ByteWriter, symmetric: Symmetric): void {
  if (symmetric === "none") writer.u16(algorithms.null);
  else writer.u16(algorithms.aes).u16(128).u16(algorithms.cfb);
}

function writeScheme(writer: ByteWriter, scheme: EccPublic["scheme"] | RsaPublic["scheme"]): void {
  if (scheme === "none") writer.u16(algorithms.null);
  else writer.u16(scheme === "ecdsa-sha256" ? algorithms.ecdsa : algorithms.rsaSsa).u16(algorithms.sha256);
}

export function encodePublic(area: PublicArea): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter().u16(typeCodes[area.type]).u16(algorithms.sha256).u32(area.attributes);
  tpm2b(writer, area.authPolicy);
  switch (area.type) {
    case "ecc": {
      writeSymmetric(writer, area.symmetric);
      writeScheme(writer, area.scheme);
      writer.u16(curveP256).u16(algorithms.null);
      tpm2b(tpm2b(writer, area.point.x), area.point.y);
      break;
    }
    case "rsa": {
      writeSymmetric(writer, area.symmetric);
      writeScheme(writer, area.scheme);
      tpm2b(writer.u16(area.bits).u32(0), area.modulus);
      break;
    }
    case "sealed": {
      tpm2b(writer.u16(algorithms.null), area.unique);
      break;
    }
    default:
      throw new Error("a public area of an unknown type");
  }
  return writer.finish();
}

function readSymmetric(reader: TpmReader): Symmetric {
  const algorithm = reader.u16();
  if (algorithm === algorithms.null) return "none";
  reader.expect(algorithm, algorithms.aes, "the symmetric algorithm");
  reader.expect(reader.u16(), 128, "the symmetric key's length");
  reader.expect(reader.u16(), algorithms.cfb, "the symmetric mode");
  return "aes-128-cfb";
}

function readScheme<Scheme extends string>(reader: TpmReader, wanted: number, scheme: Scheme): Scheme | "none" {
  const algorithm = reader.u16();
  if (algorithm === algorithms.null) return "none";
  reader.expect(algorithm, wanted, "the signing scheme");
  reader.expect(reader.u16(), algorithms.sha256, "the scheme's hash");
  return scheme;
}

export function readPublic(reader: TpmReader): PublicArea {
  const type = reader.u16();
  reader.expect(reader.u16(), algorithms.sha256, "the name algorithm");
  const attributes = reader.u32();
  if ((attributes & ~knownAttributes) !== 0) throw malformed("an object has unknown attributes");
  const authPolicy = reader.tpm2b(32);
  if (authPolicy.length !== 0 && authPolicy.length !== 32) throw malformed("a policy has neither 0 nor 32 bytes");
  switch (type) {
    case algorithms.ecc: {
      const symmetric = readSymmetric(reader);
      const scheme = readScheme(reader, algorithms.ecdsa, "ecdsa-sha256");
      reader.expect(reader.u16(), curveP256, "the curve");
      reader.expect(reader.u16(), algorithms.null, "the key derivation");
      return { type: "ecc", attributes, authPolicy, symmetric, scheme, point: decodePoint(reader) };
    }
    case algorithms.rsa: {
      const symmetric = readSymmetric(reader);
      const scheme = readScheme(reader, algorithms.rsaSsa, "rsassa-sha256");
      const bits = reader.u16();
      if (bits !== 2048 && bits !== 3072 && bits !== 4096) throw malformed("an RSA key of an unknown size");
      const exponent = reader.u32();
      if (exponent !== 0 && exponent !== 65_537) throw malformed("an RSA key with another exponent than 65537");
      return { type: "rsa", attributes, authPolicy, symmetric, scheme, bits, modulus: reader.tpm2b(bits / 8) };
    }
    case algorithms.keyedHash: {
      reader.expect(reader.u16(), algorithms.null, "the keyed hash's scheme");
      return { type: "sealed", attributes, authPolicy, unique: reader.tpm2b(32) };
    }
    default:
      throw malformed(`an object of type 0x${type.toString(16)}`);
  }
}

export function decodePublic(bytes: Uint8Array): PublicArea {
  const reader = new TpmReader(bytes);
  const area = readPublic(reader);
  reader.end();
  return area;
}

export function publicName(area: PublicArea): Uint8Array<ArrayBuffer> {
  return nameOf(encodePublic(area));
}

const none = new Uint8Array(0);
const noPoint: EccPoint = { x: none, y: none };
const bits = (...names: readonly (keyof typeof objectAttributes)[]): number =>
  names.reduce((all, name) => all | objectAttributes[name], 0);

/**
 * The storage root key, derived anew from the owner seed at every use: the same key as long as the TPM is not cleared.
 * Protection against guessing is off (noDA): its authorization is empty, and a TPM counts every power cut after the use
 * of a protected object as a wrong try. (TCG Provisioning Guidance, 7.5.1, with noDA.)
 */
export const storageRootTemplate: EccPublic = {
  type: "ecc",
  attributes: bits("fixedTpm", "fixedParent", "sensitiveDataOrigin", "userWithAuth", "noDa", "restricted", "decrypt"),
  authPolicy: none,
  symmetric: "aes-128-cfb",
  scheme: "none",
  point: noPoint,
};

/** Data only its policy opens: no use by authorization value, and no administration without the policy either. */
export function sealedTemplate(authPolicy: Uint8Array): SealedPublic {
  return {
    type: "sealed",
    attributes: bits("fixedTpm", "fixedParent", "adminWithPolicy", "noDa"),
    authPolicy,
    unique: none,
  };
}

/** A key that signs only what the TPM itself says (quotes). */
export const attestationKeyTemplate: EccPublic = {
  type: "ecc",
  attributes: bits("fixedTpm", "fixedParent", "sensitiveDataOrigin", "userWithAuth", "noDa", "restricted", "sign"),
  authPolicy: none,
  symmetric: "none",
  scheme: "ecdsa-sha256",
  point: noPoint,
};

/** The release key's public half as an external object of the TPM, with which it checks signed policies. */
export function verificationKey(point: EccPoint): EccPublic {
  return {
    type: "ecc",
    attributes: bits("userWithAuth", "sign"),
    authPolicy: none,
    symmetric: "none",
    scheme: "ecdsa-sha256",
    point,
  };
}

/** The same of an RSA key of 2048, 3072 or 4096 bits with exponent 65537. */
export function rsaVerificationKey(modulus: Uint8Array): RsaPublic {
  const size = ([2048, 3072, 4096] as const).find((each) => each === modulus.length * 8);
  if (size === undefined) throw malformed("an RSA key of an unknown size");
  return {
    type: "rsa",
    attributes: bits("userWithAuth", "sign"),
    authPolicy: none,
    symmetric: "none",
    scheme: "rsassa-sha256",
    bits: size,
    modulus,
  };
}

const endorsementAttributes = bits(
  "fixedTpm",
  "fixedParent",
  "sensitiveDataOrigin",
  "adminWithPolicy",
  "restricted",
  "decrypt",
);

/** The endorsement key of template L-2 (TCG EK Credential Profile 2.5, B.3.4): policy PolicySecret(endorsement). */
export function endorsementKeyEccTemplate(authPolicy: Uint8Array): EccPublic {
  const zeros = new Uint8Array(coordinateBytes);
  return {
    type: "ecc",
    attributes: endorsementAttributes,
    authPolicy,
    symmetric: "aes-128-cfb",
    scheme: "none",
    point: { x: zeros, y: zeros },
  };
}

/** The endorsement key of template L-1 (TCG EK Credential Profile 2.5, B.3.3), which every chip has a certificate for. */
export function endorsementKeyRsaTemplate(authPolicy: Uint8Array): RsaPublic {
  return {
    type: "rsa",
    attributes: endorsementAttributes,
    authPolicy,
    symmetric: "aes-128-cfb",
    scheme: "none",
    bits: 2048,
    modulus: new Uint8Array(256),
  };
}
