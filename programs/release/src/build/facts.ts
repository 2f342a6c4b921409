/** What a release says about itself. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../config.ts";
import { executeText } from "../process.ts";

export function readVersion(): string {
  const manifest = JSON.parse(readFileSync(join(repositoryRoot, "package.json"), "utf8")) as { version: string };
  return manifest.version;
}

/** The time of the sources, not of the build: that of the last change to anything that goes into an image. */
export async function readSourceEpoch(): Promise<number> {
  const paths = ["os", "packages", "catalog", "programs/piccolod", "programs/portal", "package-lock.json"];
  const text = await executeText("git", ["log", "-1", "--format=%ct", "--", ...paths], { cwd: repositoryRoot });
  const epochS = Number(text);
  if (!Number.isSafeInteger(epochS) || epochS <= 0)
    throw new Error("the time of the sources is not in the version control");
  return epochS;
}

/** Role to SHA-256 of the public key in DER. */
export function readKeyFingerprints(keys: string): Record<string, string> {
  const text = JSON.parse(readFileSync(join(keys, "fingerprints.json"), "utf8")) as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(text).flatMap(([role, value]) => (typeof value === "string" ? [[role, value]] : [])),
  );
}
