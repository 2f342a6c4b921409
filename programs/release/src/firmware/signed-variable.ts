/**
 * The firmware's lists of keys, PK, KEK and db, as files that it takes when nobody has to vouch for them yet, and later from
 * whoever signed them: `docs/spec/firmware-enrolment.md`.
 */
import { verify, type X509Certificate } from "node:crypto";
import { guidBytes } from "@piccolo/attest";
import { concat, equalConstantTime, malformed } from "@piccolo/bytes";
import { encodeDer, nameOfCertificate, tags } from "./der.ts";
import type { SecureBootRole } from "../keys/roles.ts";

const globalVariable = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
const imageSecurity = "d719b2cb-3d3a-4596-a3bc-dad00e67656f";
const pkcs7Type = "4aafd29d-68df-49ee-8aa9-347d375665a7";

const namespaces: Readonly<Record<SecureBootRole, string>> = {
  PK: globalVariable,
  KEK: globalVariable,
  db: imageSecurity,
};

/** Non-volatile, for boot services and for the running system, written with a time and a signature. */
const attributes = 0x27;
const timeBytes = 16;
/** Its length, revision 2.0, and the type of a certificate. */
const headBytes = 24;
const certificateRevision = 0x0200;
const certificateKind = 0x0ef1;
const variableBytesMax = 1 << 16;

const objects = {
  sha256: "608648016503040201",
  rsa: "2a864886f70d010101",
  data: "2a864886f70d010701",
};

const object = (hex: string): Uint8Array => encodeDer(tags.object, Buffer.from(hex, "hex"));
const algorithm = (hex: string): Uint8Array => encodeDer(tags.sequence, object(hex), encodeDer(tags.null));

function u32(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  for (const [index, value] of values.entries()) new DataView(bytes.buffer).setUint32(index * 4, value, true);
  return bytes;
}

/** An EFI_TIME without fractions of a second and without a time zone, which the firmware refuses. */
function encodeTime(epochS: number): Uint8Array {
  const time = new Date(epochS * 1000);
  const bytes = new Uint8Array(timeBytes);
  new DataView(bytes.buffer).setUint16(0, time.getUTCFullYear(), true);
  const rest = [
    time.getUTCMonth() + 1,
    time.getUTCDate(),
    time.getUTCHours(),
    time.getUTCMinutes(),
    time.getUTCSeconds(),
  ];
  bytes.set(rest, 2);
  return bytes;
}

export interface FirmwareList {
  readonly name: SecureBootRole;
  /** The release's time: firmware takes a list over an older one only. */
  readonly epochS: number;
  /** `encodeSignatureLists` of `@piccolo/attest`. */
  readonly content: Uint8Array;
}

/** What the signer signs: name, without an end mark, in UTF-16; its namespace; attributes; time; content. */
export function variableToSign({ name, epochS, content }: FirmwareList): Uint8Array {
  const named = Buffer.from(name, "utf16le");
  return concat(named, guidBytes(namespaces[name]), u32(attributes), encodeTime(epochS), content);
}

/** A PKCS #7 SignedData, not wrapped in a ContentInfo, without signed attributes: older firmware knows only this form. */
function encodeSignedData(certificate: Uint8Array, signature: Uint8Array): Uint8Array {
  const { issuer, serial } = nameOfCertificate(certificate);
  const version = encodeDer(tags.integer, new Uint8Array([1]));
  const signer = encodeDer(
    tags.sequence,
    version,
    encodeDer(tags.sequence, issuer, serial),
    algorithm(objects.sha256),
    algorithm(objects.rsa),
    encodeDer(tags.bytes, signature),
  );
  return encodeDer(
    tags.sequence,
    version,
    encodeDer(tags.set, algorithm(objects.sha256)),
    encodeDer(tags.sequence, object(objects.data)),
    encodeDer(tags.context0, certificate),
    encodeDer(tags.set, signer),
  );
}

/** EFI_VARIABLE_AUTHENTICATION_2 and the content, as it lies in an `.auth` file. `certificate` (DER) is the signer's. */
export function encodeSignedVariable(list: FirmwareList, certificate: Uint8Array, signature: Uint8Array): Uint8Array {
  const signed = encodeSignedData(certificate, signature);
  const head = u32(headBytes + signed.length, certificateRevision | (certificateKind << 16));
  return concat(encodeTime(list.epochS), head, guidBytes(pkcs7Type), signed, list.content);
}

/**
 * Reads an `.auth` file as strictly as the firmware at its strictest: the one form `encodeSignedVariable` writes, and a
 * signature by `signer` over it. Everything else is `malformed`.
 */
export function openSignedVariable(name: SecureBootRole, bytes: Uint8Array, signer: X509Certificate): FirmwareList {
  if (bytes.length > variableBytesMax) throw malformed("a signed variable is over its bound");
  if (bytes.length < timeBytes + headBytes) throw malformed("a signed variable ends within its head");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = timeBytes + view.getUint32(timeBytes, true);
  if (end > bytes.length) throw malformed("a signed variable ends within its signature");
  const content = bytes.subarray(end);
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = bytes.subarray(2, 7);
  const epochS = Date.UTC(view.getUint16(0, true), month - 1, day, hour, minute, second) / 1000;
  const list = { name, epochS, content };
  const signatureBytes = (signer.publicKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
  if (end < timeBytes + headBytes + signatureBytes)
    throw malformed("a signed variable has no signature of its signer's size");
  const signature = bytes.subarray(end - signatureBytes, end);
  if (!equalConstantTime(encodeSignedVariable(list, signer.raw, signature), bytes)) {
    throw malformed("a signed variable has not the one form that every firmware takes, or another signer");
  }
  if (!verify("sha256", variableToSign(list), signer.publicKey, signature)) {
    throw malformed(`the signature of ${name} is not over what the variable holds`);
  }
  return list;
}
