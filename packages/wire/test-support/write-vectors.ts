/** Writes vectors/wire: `node packages/wire/test-support/write-vectors.ts`. */
import { writeVectors } from "../../../tools/vectors.ts";
import { framingCases } from "./framing-cases.ts";
import { logMessageCases } from "./log-message-cases.ts";
import { recoverCases } from "./recover-cases.ts";
import { messageCases } from "./message-cases.ts";

writeVectors("wire", { ...messageCases(), ...logMessageCases(), ...recoverCases(), ...framingCases() });
