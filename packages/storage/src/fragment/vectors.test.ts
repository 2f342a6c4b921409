import { readVectors, testVectors } from "../../../../tools/vectors.ts";
import { answerOf } from "../../test-support/fragment-answer.ts";
import { fragmentCases } from "../../test-support/fragment-cases.ts";
import type { FragmentVector } from "../../test-support/fragment-vector.ts";

testVectors(readVectors<FragmentVector>("fragment"), answerOf, fragmentCases);
