/** Writes vectors/erasure: `node packages/erasure/test-support/write-vectors.ts`. */
import { writeVectors } from "../../../tools/vectors.ts";
import { cases } from "./cases.ts";

writeVectors("erasure", cases());
