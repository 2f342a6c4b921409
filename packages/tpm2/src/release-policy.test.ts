import assert from "node:assert/strict";
import { test } from "node:test";
import { readVectors, testVectors } from "../../../tools/vectors.ts";
import { answer, cases, type Vector } from "../test-support/release-policy-cases.ts";
import { parseReleasePolicies } from "./release-policy.ts";

testVectors(readVectors<Vector>("release-policy"), answer, cases);

test("more than 256 KiB are not looked at", () => {
  assert.throws(() => parseReleasePolicies(`"${"x".repeat(256 * 1024)}"`), { code: "malformed" });
});
