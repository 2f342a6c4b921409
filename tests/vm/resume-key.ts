/** What scenarios stand on: what any of it was when a scenario passed says nothing of what it is now. */
import { keyOf } from "@piccolo/release";
import { repositoryRoot } from "../../tools/run-tests.ts";

/** Beside the sources of the image (`imageSources`), whose key leaves `test-support` out. */
export const scenarioSources: readonly string[] = [
  ...["vm", "apps", "drill", "network"].map((folder) => `tests/${folder}`),
  ...["devnet", "central", "piccolod/test-support"].map((folder) => `programs/${folder}`),
  "tools/run-tests.ts",
];

/** `imageKey` is that of the product's image. */
export const resumeKey = (imageKey: string): string => keyOf(repositoryRoot, scenarioSources, imageKey);
