import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { answerOf } from "../../test-support/fragment-answer.ts";
import { fragmentCases } from "../../test-support/fragment-cases.ts";
import type { FragmentVector } from "../../test-support/fragment-vector.ts";

const folder = join(import.meta.dirname, "../../../../vectors/fragment");
const vectors = new Map(
  readdirSync(folder).map((file) => [
    basename(file, ".json"),
    JSON.parse(readFileSync(join(folder, file), "utf8")) as FragmentVector,
  ]),
);

for (const [name, vector] of vectors) {
  test(`vector ${name}: ${vector.about}`, () => {
    assert.deepEqual(answerOf(vector), vector.expect);
  });
}

test("the committed vectors are those their builder makes", () => {
  assert.deepEqual(Object.fromEntries(vectors), structuredClone(fragmentCases()));
});
