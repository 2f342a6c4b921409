/** Writes vectors/device-state: `node programs/piccolod/test-support/write-device-state-vectors.ts`. */
import { writeVectors } from "../../../tools/vectors.ts";
import { cases } from "./device-state-cases.ts";

writeVectors("device-state", cases());
