import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "@piccolo/bytes";
import { readVectors, testVectors } from "../../../../tools/vectors.ts";
import { answerOf } from "../../test-support/fragment-answer.ts";
import { fragmentCases } from "../../test-support/fragment-cases.ts";
import type { FragmentVector } from "../../test-support/fragment-vector.ts";
import { plainBlake3 } from "../../test-support/plain-blake3.ts";
import { plainAnswerOf } from "../../test-support/plain-fragment.ts";

const vectors = readVectors<FragmentVector>("fragment");
testVectors(vectors, answerOf, fragmentCases);

test("the plain BLAKE3 gives what its authors publish", () => {
  // Of https://github.com/BLAKE3-team/BLAKE3/blob/master/test_vectors/test_vectors.json: byte i of the input is i mod 251.
  const published: Readonly<Record<number, string>> = {
    0: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    1: "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
    1024: "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
    1025: "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
    102_400: "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085",
  };
  for (const [length, expected] of Object.entries(published)) {
    const input = Uint8Array.from({ length: Number(length) }, (_, at) => at % 251);
    assert.equal(toHex(plainBlake3(input)), expected, length);
  }
});

// The builder takes `expect` from the implementation; what stands in the vectors is right only if the rules give it, too.
for (const [name, vector] of vectors) {
  test(`vector ${name} is what the specification says, worked out a second time`, () => {
    assert.deepEqual(plainAnswerOf(vector), vector.expect);
  });
}
