/** A private key as the pipeline uses it: a PEM file, or a token's key by its PKCS#11 URI. GnuPG keeps OSTree's itself. */
import { sign as signWithKey } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { releaseFaults } from "../faults.ts";
import { runTool } from "../tool.ts";
import { readPrivateKey } from "./read-key.ts";
import { placesOf, type Role } from "./roles.ts";

export type SigningKey =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "token"; readonly uri: string };

export type SigningRole = Exclude<Role, "ostree">;

const uriBytesMax = 1_024;

/**
 * Reads a PKCS#11 URI. One that holds its PIN is refused: what stands in a URI ends up in process lists. The token's PIN
 * is named by `pin-source`, a file.
 */
export function parseTokenUri(text: string, path: string): string {
  const uri = text.trim();
  const refuse = (why: string): never => {
    throw releaseFaults.fault("key-unfit", `${path} ${why}`);
  };
  if (uri.length > uriBytesMax || !/^pkcs11:[\w%.:;=?&,/@+~*!$'()[\]-]+$/.test(uri)) {
    refuse("is no PKCS#11 URI (pkcs11:token=...;object=...;type=private)");
  }
  if (/[?&;]pin-value=/i.test(uri)) refuse("holds the token's PIN; name a file with it as pin-source instead");
  if (!/[:;](?:object|id)=/.test(uri)) refuse("names no key of the token: it has neither object nor id");
  return uri;
}

/** Throws `key-missing` where there is neither a file nor a token's URI, or both. */
export function signingKeyOf(folder: string, role: SigningRole): SigningKey {
  const { privateKey, token } = placesOf(folder, role);
  const [hasFile, hasToken] = [existsSync(privateKey), existsSync(token)];
  if (hasFile && hasToken) {
    throw releaseFaults.fault("key-unfit", `${role} has both ${privateKey} and ${token}; leave one`);
  }
  if (hasToken) return { kind: "token", uri: parseTokenUri(readFileSync(token, "utf8"), token) };
  if (hasFile) return { kind: "file", path: privateKey };
  throw releaseFaults.fault("key-missing", `${role} has neither ${privateKey} nor ${token}`);
}

/** PKCS #1 v1.5 with SHA-256 of an RSA key, or Ed25519. A token signs through OpenSSL's PKCS#11 engine, RSA only. */
export async function signBytes(key: SigningKey, message: Uint8Array): Promise<Uint8Array> {
  if (key.kind === "token") {
    const args = ["dgst", "-sha256", "-engine", "pkcs11", "-keyform", "engine", "-sign", key.uri];
    return runTool("openssl", args, { from: "openssl and libengine-pkcs11-openssl", input: message });
  }
  const privateKey = readPrivateKey(key.path);
  return signWithKey(privateKey.asymmetricKeyType === "ed25519" ? null : "sha256", message, privateKey);
}

/** How `sbsign` is told the key. */
export function sbsignArguments(key: SigningKey): string[] {
  return key.kind === "file" ? ["--key", key.path] : ["--engine", "pkcs11", "--key", key.uri];
}
