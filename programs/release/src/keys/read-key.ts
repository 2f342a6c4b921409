/** Keys from files: what cannot be read is named with its file, never with its content. */
import { createPrivateKey, createPublicKey, hash, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { releaseFaults } from "../faults.ts";
import { openPgpPublicKey } from "./openpgp.ts";
import { isSecureBootRole, ostreePublicOf, placesOf, type Role } from "./roles.ts";

function read<T>(path: string, what: string, parse: (content: Buffer) => T): T {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (cause) {
    throw releaseFaults.fault("key-missing", `${path} is missing or cannot be read`, { cause });
  }
  try {
    return parse(content);
  } catch (cause) {
    throw releaseFaults.fault("key-unfit", `${path} is no ${what}`, { cause });
  }
}

export const readPrivateKey = (path: string): KeyObject =>
  read(path, "unencrypted private key in PEM", createPrivateKey);

export const readCertificate = (path: string): X509Certificate =>
  read(path, "certificate in PEM", (content) => new X509Certificate(content));

/** The public half of a role's key in a folder of keys. */
export function publicKeyOf(folder: string, role: Role): KeyObject {
  if (role === "ostree") return read(ostreePublicOf(folder), "exported OpenPGP key", openPgpPublicKey);
  const { publicHalf } = placesOf(folder, role);
  if (isSecureBootRole(role)) return readCertificate(publicHalf).publicKey;
  return read(publicHalf, "public key in PEM", (content) => {
    // A private key would be taken too, as the public one within it.
    if (!content.includes("BEGIN PUBLIC KEY")) throw new Error("not a public key");
    return createPublicKey(content);
  });
}

/** SHA-256 of the key's SubjectPublicKeyInfo, in hexadecimal. */
export function fingerprintOf(key: KeyObject): string {
  return hash("sha256", key.export({ type: "spki", format: "der" }), "hex");
}
