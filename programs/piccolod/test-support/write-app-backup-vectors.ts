/** Writes vectors/app-backup: `node programs/piccolod/test-support/write-app-backup-vectors.ts`. */
import { writeVectors } from "../../../tools/vectors.ts";
import { appBackupCases } from "./app-backup-cases.ts";

writeVectors("app-backup", await appBackupCases());
