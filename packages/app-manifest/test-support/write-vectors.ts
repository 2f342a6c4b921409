/** Writes vectors/app-manifest and the schema: `node packages/app-manifest/test-support/write-vectors.ts`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../../../tools/run-tests.ts";
import { writeVectors } from "../../../tools/vectors.ts";
import { manifestSchema } from "../src/index.ts";
import { catalogCases } from "./catalog-cases.ts";
import { checkCases } from "./check-cases.ts";

writeVectors("app-manifest", checkCases());
writeFileSync(
  join(repositoryRoot, "docs/spec/app-manifest.schema.json"),
  `${JSON.stringify(manifestSchema(), null, 2)}\n`,
);
writeVectors("catalog", catalogCases());
