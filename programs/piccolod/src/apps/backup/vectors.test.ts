import { readVectors, testVectors } from "../../../../../tools/vectors.ts";
import { answerOf, appBackupCases, type AppBackupVector } from "../../../test-support/app-backup-cases.ts";

const cases = await appBackupCases();
testVectors(readVectors<AppBackupVector>("app-backup"), answerOf, () => cases);
