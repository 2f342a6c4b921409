import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { buildDocument } from "./document.ts";

test("docs/api/central.json is what the contract gives; `node tools/write-openapi.ts` writes it anew", () => {
  const path = join(import.meta.dirname, "../../../../docs/api/central.json");
  assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), structuredClone(buildDocument()));
});
