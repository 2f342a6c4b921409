/** Writes vectors/release-policy: `node packages/tpm2/test-support/write-release-policy-vectors.ts`. */
import { writeVectors } from "../../../tools/vectors.ts";
import { cases } from "./release-policy-cases.ts";

writeVectors("release-policy", cases());
