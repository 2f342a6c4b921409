/**
 * Writes vectors/fragment: `node packages/storage/test-support/write-fragment-vectors.ts`. The vectors of a published
 * format do not change; this is for adding cases.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fragmentCases } from "./fragment-cases.ts";

const folder = join(import.meta.dirname, "../../../vectors/fragment");
mkdirSync(folder, { recursive: true });
for (const [name, vector] of Object.entries(fragmentCases())) {
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(vector, null, 2)}\n`);
}
