/**
 * Writes vectors/wire: `node packages/wire/test-support/write-vectors.ts`. The vectors of a published format do not
 * change; this is for adding cases.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { framingCases } from "./framing-cases.ts";
import { messageCases } from "./message-cases.ts";

const folder = join(import.meta.dirname, "../../../vectors/wire");
mkdirSync(folder, { recursive: true });
for (const [name, vector] of Object.entries({ ...messageCases(), ...framingCases() })) {
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(vector, null, 2)}\n`);
}
