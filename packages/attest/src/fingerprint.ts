import { hash, type KeyObject } from "node:crypto";

/** SHA-256 of the SubjectPublicKeyInfo, as `docs/spec/release-keys.md` names keys. */
export function fingerprintOf(key: KeyObject): string {
  return hash("sha256", key.export({ type: "spki", format: "der" }), "hex");
}
