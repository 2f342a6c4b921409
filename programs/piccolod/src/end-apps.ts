/**
 * `node programs/piccolod/src/end-apps.ts FOLDER`: ends what runs of the apps of all devices whose state lies below the
 * folder, and takes away what they have of the machine. For a development network that was killed, before its folder is
 * removed; nothing on the disk is touched.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { endApps, ownerFileName, runRoot, tracesOf } from "./adapters/app-leftovers.ts";

const [given] = process.argv.slice(2);
if (given === undefined) {
  process.stderr.write("name the folder of the devices' state\n");
  process.exit(2);
}
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
