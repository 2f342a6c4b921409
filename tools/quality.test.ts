import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { repositoryRoot } from "./run-tests.ts";

const execute = promisify(execFile);
const folders = ["packages", "programs", "tools", "bench", "tests"].filter((name) =>
  existsSync(join(repositoryRoot, name)),
);

async function passes(tool: string, ...args: readonly string[]): Promise<void> {
  try {
    await execute(join(repositoryRoot, "node_modules/.bin", tool), args, { cwd: repositoryRoot, maxBuffer: 1 << 26 });
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    assert.fail(`${tool} ${args.join(" ")}\n${stdout}${stderr}`);
  }
}

test("every source type-checks", () => passes("tsc", "-p", "."));

test("the portal type-checks", () => passes("tsc", "-p", "programs/portal"));

test("the linter has nothing to say", () => passes("oxlint", "--type-aware", "--deny-warnings", ...folders));

test("every source is formatted", () => passes("oxfmt", "--check", ...folders));
