/**
 * Writes vectors/envelope: `node packages/envelope/test-support/write-vectors.ts`. The vectors of a published format do
 * not change; this is for adding cases.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { extentCases } from "./extent-cases.ts";
import { keyCases } from "./key-cases.ts";

const folder = join(import.meta.dirname, "../../../vectors/envelope");
mkdirSync(folder, { recursive: true });
for (const [name, vector] of Object.entries({ ...keyCases(), ...extentCases() })) {
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(vector, null, 2)}\n`);
}
