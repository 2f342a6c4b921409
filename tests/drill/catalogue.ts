import { diskStolenDrill } from "./disk-stolen.ts";
import type { Drill } from "./drill.ts";
import { killAnytimeDrill } from "./kill-anytime.ts";
import { loseHoldersDrill } from "./lose-holders.ts";
import { powerCutRekeyDrill } from "./power-cut-rekey.ts";
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
];
