/**
 * Writes vectors/erasure: `node packages/erasure/test-support/write-vectors.ts`. The vectors of a published format do
 * not change; this is for adding cases.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cases } from "./cases.ts";

const folder = join(import.meta.dirname, "../../../vectors/erasure");
mkdirSync(folder, { recursive: true });
for (const [name, vector] of Object.entries(cases())) {
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(vector, null, 2)}\n`);
}
