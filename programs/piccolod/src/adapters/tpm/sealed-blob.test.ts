import { readVectors, testVectors } from "../../../../../tools/vectors.ts";
import { answer, cases, type Vector } from "../../../test-support/sealed-blob-cases.ts";

testVectors(readVectors<Vector>("sealed-blob"), answer, cases);
