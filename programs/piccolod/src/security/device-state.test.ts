import { readVectors, testVectors } from "../../../../tools/vectors.ts";
import { answer, cases, type Vector } from "../../test-support/device-state-cases.ts";

testVectors(readVectors<Vector>("device-state"), answer, cases);
