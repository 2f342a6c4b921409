/** Writes vectors/envelope: `node packages/envelope/test-support/write-vectors.ts`. */
import { writeVectors } from "../../../tools/vectors.ts";
import { extentCases } from "./extent-cases.ts";
import { keyCases } from "./key-cases.ts";

writeVectors("envelope", { ...keyCases(), ...extentCases() });
