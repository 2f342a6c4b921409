/** Writes vectors/metadata-log: `node packages/storage/test-support/write-metadata-log-vectors.ts`. */
import { writeVectors } from "../../../tools/vectors.ts";
import { metadataLogCases } from "./metadata-log-cases.ts";

writeVectors("metadata-log", metadataLogCases());
