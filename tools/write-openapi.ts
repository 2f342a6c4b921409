/** Writes the OpenAPI documents in docs/api: `node tools/write-openapi.ts`. A test of each program finds drift. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { buildDocument as buildCentralDocument } from "../programs/central/src/http/document.ts";
import { buildDocument as buildPiccolodDocument } from "../programs/piccolod/src/http/document.ts";
import { repositoryRoot } from "./run-tests.ts";

const documents: readonly { readonly path: string; readonly build: () => unknown }[] = [
  { path: "docs/api/central.json", build: buildCentralDocument },
  { path: "docs/api/piccolod.json", build: buildPiccolodDocument },
];

for (const { path, build } of documents) {
  const file = join(repositoryRoot, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(build(), null, 2)}\n`);
  process.stdout.write(`${path}\n`);
}
