/**
 * `echo FOLDER | node programs/piccolod/src/end-apps.ts`: ends what runs of the apps of all devices whose state lies below
 * the folder, and takes away what they have of the machine. For a development network that was killed, before its folder
 * is removed; nothing on the disk is touched.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { endApps, ownerFileName, runRoot, tracesOf } from "./adapters/app-leftovers.ts";

const standardInput = 0;
const given = readFileSync(standardInput, "utf8").trim();
if (given === "") throw new Error("the folder of the devices' state is not said");
const folder = `${resolve(given)}/`;

function contentOf(tag: string): string | undefined {
  try {
    return readFileSync(join(runRoot, tag, ownerFileName), "utf8");
  } catch {
    // No device of this program has made it.
    return undefined;
  }
}

function tags(): readonly string[] {
  try {
    return readdirSync(runRoot);
  } catch {
    return [];
  }
}

for (const tag of tags()) {
  if (contentOf(tag)?.startsWith(folder) !== true) continue;
  await endApps(tracesOf(tag));
  process.stdout.write(`ended the apps of ${tag}\n`);
}
