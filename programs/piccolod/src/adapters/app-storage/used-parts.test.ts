import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { withoutDescriptors } from "../../../test-support/no-descriptors.ts";
import { usedParts } from "./used-parts.ts";

test("without a descriptor left nothing is known of an image, so that all of it is read", async (context) => {
  withoutDescriptors(context);
  assert.equal(await usedParts(fileURLToPath(import.meta.url)), undefined);
});
