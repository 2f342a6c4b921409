import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { buildDocument } from "./document.ts";

test("docs/api/piccolod.json is what the routes give (node tools/write-openapi.ts writes it)", () => {
  const path = join(import.meta.dirname, "../../../../docs/api/piccolod.json");
  assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), JSON.parse(JSON.stringify(buildDocument())));
});
