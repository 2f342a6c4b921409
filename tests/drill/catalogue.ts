import { appCrashDrill } from "./app-crash.ts";
import { appEscapeDrill } from "./app-escape.ts";
import { appLifeDrill } from "./app-life.ts";
import { appRestoreDrill } from "./app-restore.ts";
import { centralGoneDrill } from "./central-gone.ts";
import { centralLiesDrill } from "./central-lies.ts";
import { deviceLostDrill } from "./device-lost.ts";
import { diskStolenDrill } from "./disk-stolen.ts";
import type { Drill } from "./drill.ts";
import { killAnytimeDrill } from "./kill-anytime.ts";
import { loseHoldersDrill } from "./lose-holders.ts";
import { oldImageDrill } from "./old-image.ts";
import { powerCutRekeyDrill } from "./power-cut-rekey.ts";
import { repairLockedThenLostDrill } from "./repair-locked-then-lost.ts";
import { storeAndReadDrill } from "./store-and-read.ts";
import { tpmPowerCutsDrill } from "./tpm-power-cuts.ts";
import { tpmReplacedDrill } from "./tpm-replaced.ts";

export const drills: readonly Drill[] = [
  storeAndReadDrill,
  loseHoldersDrill,
  killAnytimeDrill,
  tpmReplacedDrill,
  diskStolenDrill,
  tpmPowerCutsDrill,
  powerCutRekeyDrill,
  deviceLostDrill,
  centralGoneDrill,
  centralLiesDrill,
  oldImageDrill,
  repairLockedThenLostDrill,
  appLifeDrill,
  appCrashDrill,
  appEscapeDrill,
  appRestoreDrill,
];
