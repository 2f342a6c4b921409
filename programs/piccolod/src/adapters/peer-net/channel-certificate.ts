import { createPrivateKey, type KeyObject, sign, type X509Certificate } from "node:crypto";
import { concat, toUtf8 } from "@piccolo/bytes";
import { der, name, pem, sequence } from "../tls/der.ts";

/** What a device shows on the direct path: its device key, in the one form TLS takes. */
export interface ChannelCertificate {
  /** PEM. */
  readonly cert: string;
  readonly key: KeyObject;
  /** The device key, 32 bytes. */
  readonly deviceKey: Uint8Array;
}

const spkiPrefix = Uint8Array.fromHex("302a300506032b6570032100");
const pkcs8Prefix = Uint8Array.fromHex("302e020100300506032b657004220420");
const ed25519 = Uint8Array.fromHex("300506032b6570");

/**
 * A self-signed certificate (RFC 5280, RFC 8410) whose subject key is the device key. It is the same every time, and
 * valid from 1970 to the end of the year 9999: both sides compare the key and ignore everything else, so a wrong clock
 * does not matter here.
 */
export function channelCertificate(deviceSeed: Uint8Array): ChannelCertificate {
  const pkcs8 = concat(pkcs8Prefix, deviceSeed);
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: "der", type: "pkcs8" });
  pkcs8.fill(0);
  const { x } = key.export({ format: "jwk" });
  const deviceKey = Uint8Array.fromBase64(x ?? "", { alphabet: "base64url" });
  const subject = name("piccolo device");
  const version3 = Uint8Array.fromHex("a003020102");
  const serial = Uint8Array.fromHex("020101");
  const validity = sequence(der(0x17, toUtf8("700101000000Z")), der(0x18, toUtf8("99991231235959Z")));
  // The prefix of the key's info counts the key in, so the two parts stand side by side.
  const body = sequence(version3, serial, ed25519, subject, validity, subject, spkiPrefix, deviceKey);
  const signature = der(0x03, Uint8Array.of(0), sign(undefined, body, key));
  const cert = pem("CERTIFICATE", sequence(body, ed25519, signature));
  return { cert, key, deviceKey };
}

/** The raw Ed25519 key a certificate carries, which the TLS handshake has proved; undefined for any other kind. */
export function certifiedKey(certificate: X509Certificate | undefined): Uint8Array | undefined {
  const key = readableKey(certificate);
  if (key?.asymmetricKeyType !== "ed25519") return undefined;
  const spki = key.export({ format: "der", type: "spki" });
  return spki.length === spkiPrefix.length + 32 ? new Uint8Array(spki.subarray(spkiPrefix.length)) : undefined;
}

/** The key is read when it is asked for, in the middle of a socket's events, and what a stranger shows may be none. */
function readableKey(certificate: X509Certificate | undefined): KeyObject | undefined {
  try {
    return certificate?.publicKey;
  } catch {
    return undefined;
  }
}
