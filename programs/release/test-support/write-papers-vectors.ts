/** Writes vectors/release-papers: `node programs/release/test-support/write-papers-vectors.ts`. */
import { writeVectors } from "../../../tools/vectors.ts";
import { cases } from "./papers-cases.ts";

writeVectors("release-papers", await cases());
