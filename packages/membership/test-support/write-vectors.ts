/** Writes vectors/membership: `node packages/membership/test-support/write-vectors.ts`. */
import { writeVectors } from "../../../tools/vectors.ts";
import { entryCases } from "./entry-cases.ts";
import { otherCases } from "./other-cases.ts";

writeVectors("membership", { ...entryCases(), ...otherCases() });
