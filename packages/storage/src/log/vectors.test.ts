import { readVectors, testVectors } from "../../../../tools/vectors.ts";
import { answerOf, metadataLogCases, type MetadataLogVector } from "../../test-support/metadata-log-cases.ts";

testVectors(readVectors<MetadataLogVector>("metadata-log"), answerOf, metadataLogCases);
