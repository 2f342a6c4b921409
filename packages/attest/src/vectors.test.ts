import { readVectors, testVectors } from "../../../tools/vectors.ts";
import { answer } from "../test-support/answer.ts";
import { cases } from "../test-support/cases.ts";
import type { Vector } from "../test-support/vector.ts";

testVectors(readVectors<Vector>("measured-boot"), answer, cases);
