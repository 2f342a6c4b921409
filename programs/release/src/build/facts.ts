/** What a release says about itself. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../config.ts";

export function readVersion(): string {
  const manifest = JSON.parse(readFileSync(join(repositoryRoot, "package.json"), "utf8")) as { version: string };
  return manifest.version;
}

/** Role to SHA-256 of the public key in DER. */
export function readKeyFingerprints(keys: string): Record<string, string> {
  const text = JSON.parse(readFileSync(join(keys, "fingerprints.json"), "utf8")) as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(text).flatMap(([role, value]) => (typeof value === "string" ? [[role, value]] : [])),
  );
}
