/** `npm run check`: types, lint, tidy and unit tests. */
import { runTests } from "./run-tests.ts";

process.exitCode = await runTests(
  ["tools/**/*.test.ts", "packages/**/*.test.ts", "programs/**/*.test.ts"],
  process.argv.slice(2),
);
