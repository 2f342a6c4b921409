import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { repositoryRoot } from "../../tools/run-tests.ts";
import { scenarios } from "./catalogue.ts";

test("the guide says of each scenario what it shows, and of no other", () => {
  const guide = readFileSync(join(repositoryRoot, "docs/guide/os.md"), "utf8");
  const told = [...guide.matchAll(/^\| `([\w-]+)` \| (core|full) \| .+ \|$/gm)].map(
    ([, name, set]) => `${name} ${set}`,
  );
  assert.deepEqual(told.toSorted(), scenarios.map(({ name, set }) => `${name} ${set}`).toSorted());
});
