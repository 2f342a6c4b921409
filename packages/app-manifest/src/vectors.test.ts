import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { repositoryRoot } from "../../../tools/run-tests.ts";
import { readVectors, testVectors } from "../../../tools/vectors.ts";
import { checkCases } from "../test-support/check-cases.ts";
import { sorted } from "../test-support/refusals.ts";
import type { Vector } from "../test-support/vector.ts";
import { checkManifest, manifestSchema } from "./index.ts";
import { refusedServiceKeys, refusedTopKeys } from "./refused-keys.ts";

const vectors = readVectors<Vector>("app-manifest");

testVectors(
  vectors,
  ({ input }) => {
    const { manifest, problems } = checkManifest(input.parts.map(({ text, times }) => text.repeat(times)).join(""));
    if (manifest !== undefined) return { manifest: JSON.parse(JSON.stringify(manifest)) as unknown };
    return { problems: sorted(problems.map(({ code, path }) => ({ code, path }))) };
  },
  checkCases,
);

test("docs/spec/app-manifest.schema.json is what the shapes give (write-vectors.ts writes it)", () => {
  const committed: unknown = JSON.parse(
    readFileSync(join(repositoryRoot, "docs/spec/app-manifest.schema.json"), "utf8"),
  );
  assert.deepEqual(committed, JSON.parse(JSON.stringify(manifestSchema())));
});

test("every key that is refused has a vector that is refused for it, and for nothing else", () => {
  const seen = new Set<string>();
  for (const { expect } of vectors.values()) {
    const [problem, ...more] = "problems" in expect ? expect.problems : [];
    if (problem !== undefined && more.length === 0) seen.add(`${problem.path} ${problem.code}`);
  }
  const wanted = [
    ...Object.entries(refusedServiceKeys).map(([key, { code }]) => `/services/web/${key} ${code}`),
    ...Object.entries(refusedTopKeys).map(([key, { code }]) => `/${key} ${code}`),
  ];
  assert.deepEqual(
    wanted.filter((one) => !seen.has(one)),
    [],
  );
});
