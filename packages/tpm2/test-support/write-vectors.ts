/** Writes vectors/tpm2: `node packages/tpm2/test-support/write-vectors.ts`. */
import { writeVectors } from "../../../tools/vectors.ts";
import { cases } from "./cases.ts";

writeVectors("tpm2", cases());
