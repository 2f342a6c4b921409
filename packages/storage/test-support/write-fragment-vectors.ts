/** Writes vectors/fragment: `node packages/storage/test-support/write-fragment-vectors.ts`. */
import { writeVectors } from "../../../tools/vectors.ts";
import { fragmentCases } from "./fragment-cases.ts";

writeVectors("fragment", fragmentCases());
