/**
 * Writes vectors/membership: `node packages/membership/test-support/write-vectors.ts`. The vectors of a published format
 * do not change; this is for adding cases.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { entryCases } from "./entry-cases.ts";
import { otherCases } from "./other-cases.ts";

const folder = join(import.meta.dirname, "../../../vectors/membership");
mkdirSync(folder, { recursive: true });
for (const [name, vector] of Object.entries({ ...entryCases(), ...otherCases() })) {
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(vector, null, 2)}\n`);
}
