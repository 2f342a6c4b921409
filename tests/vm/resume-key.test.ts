import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { build } from "esbuild";
import { repositoryRoot } from "../../tools/run-tests.ts";
import { imageSources } from "./laboratory.ts";
import { resumeKey, scenarioSources } from "./resume-key.ts";

test("the key by which a scenario counts as passed is made of every file that scenarios run", async () => {
  const guests = readdirSync(join(repositoryRoot, "tests/vm/guest"))
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `tests/vm/guest/${name}`);
  const { metafile } = await build({
    entryPoints: ["tests/vm/main.ts", ...guests],
    absWorkingDir: repositoryRoot,
    outdir: "never-written",
    bundle: true,
    write: false,
    metafile: true,
    platform: "node",
    format: "esm",
    logLevel: "silent",
  });
  const run = Object.keys(metafile.inputs).filter((path) => !path.includes("node_modules/"));
  assert.ok(run.includes("programs/piccolod/test-support/volume-suite.ts"));
  const lie = (path: string, sources: readonly string[]): boolean =>
    sources.some((source) => path === source || path.startsWith(`${source}/`));
  const missing = run.filter(
    (path) => !lie(path, scenarioSources) && (path.includes("/test-support/") || !lie(path, imageSources)),
  );
  assert.deepEqual(missing, []);
});

test("what passed on another image does not count for this one", () => {
  assert.equal(resumeKey("one"), resumeKey("one"));
  assert.notEqual(resumeKey("one"), resumeKey("another"));
});
