/** Writes vectors/firmware-enrolment: `node programs/release/test-support/write-enrolment-vectors.ts`. */
import { writeVectors } from "../../../tools/vectors.ts";
import { cases } from "./enrolment-cases.ts";

writeVectors("firmware-enrolment", cases());
