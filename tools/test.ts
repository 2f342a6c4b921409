/** `npm test`: everything `npm run check` does, then network and browser tests, and each drill in its small form. */
import { runTests } from "./run-tests.ts";

process.exitCode = await runTests(
  ["tools/**/*.test.ts", "packages/**/*.test.ts", "programs/**/*.test.ts", "bench/**/*.test.ts", "tests/**/*.test.ts"],
  process.argv.slice(2),
);
