/** Writes vectors/slots: `node packages/envelope/test-support/write-slot-vectors.ts`. */
import { writeVectors } from "../../../tools/vectors.ts";
import { slotVectors } from "./slot-vectors.ts";

writeVectors("slots", slotVectors);
