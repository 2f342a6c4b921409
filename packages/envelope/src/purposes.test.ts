import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "../../..");

test("every purpose that sources define is in the table of docs/spec/envelope.md, once, with its rule", () => {
  const sources = globSync("{packages,programs}/*/src/**/*.ts", { cwd: root }).filter(
    (path) => !path.endsWith(".test.ts"),
  );
  const defined = sources.flatMap((path) =>
    [...readFileSync(join(root, path), "utf8").matchAll(/\bdefinePurpose\(\s*"([^"]*)",\s*"([^"]*)"/g)].map(
      ([, name = "", rule = ""]) => `${name}: ${rule}`,
    ),
  );
  const spec = readFileSync(join(root, "docs/spec/envelope.md"), "utf8");
  const listed = [...spec.matchAll(/^\| `([a-z0-9-]+)` \| (required|none|optional) \|/gm)].map(
    ([, name = "", rule = ""]) => `${name}: ${rule}`,
  );
  assert.deepEqual(defined.sort(), listed.sort());
});
