import { readVectors, testVectors } from "../../../../tools/vectors.ts";
import { answerOf } from "../../test-support/metadata-content-answer.ts";
import { metadataContentCases } from "../../test-support/metadata-content-cases.ts";
import type { MetadataContentVector } from "../../test-support/metadata-content-vector.ts";

testVectors(readVectors<MetadataContentVector>("metadata-content"), answerOf, metadataContentCases);
