/** Writes vectors/sealed-blob: `node programs/piccolod/test-support/write-sealed-blob-vectors.ts`. */
import { writeVectors } from "../../../tools/vectors.ts";
import { cases } from "./sealed-blob-cases.ts";

writeVectors("sealed-blob", cases());
