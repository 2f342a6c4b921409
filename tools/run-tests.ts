/** Runs node:test over the given files in one run, so that its counts are the last lines. Resolves to the exit code. */
import { spawn } from "node:child_process";
import { join } from "node:path";

/** Of one test, hook or subtest: one that hangs is named. The longest ones, drills, take some minutes on a busy machine. */
const testLimitMs = 30 * 60_000;

export const repositoryRoot = join(import.meta.dirname, "..");

export function runTests(globs: readonly string[], passedOn: readonly string[]): Promise<number> {
  const child = spawn(
    process.execPath,
    ["--test", "--test-concurrency=2", `--test-timeout=${testLimitMs}`, "--test-reporter=spec", ...passedOn, ...globs],
    { cwd: repositoryRoot, stdio: "inherit" },
  );
  // Ctrl-C reaches the runner through the terminal; this process only waits for its end.
  process.on("SIGINT", () => undefined);
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}
