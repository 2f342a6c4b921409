/** The scenarios, in the order they run. */
import type { Scenario } from "./scenario.ts";
import { claimed } from "./scenarios/claimed.ts";
import { inside } from "./scenarios/inside.ts";
import { badData } from "./scenarios/bad-data.ts";
import { badEsp } from "./scenarios/bad-esp.ts";
import { badMachine } from "./scenarios/bad-machine.ts";
import { changedDisk } from "./scenarios/changed-disk.ts";
import { sealedVolume } from "./scenarios/guest-suites.ts";
import { installer } from "./scenarios/installer.ts";
import { refusals } from "./scenarios/refusals.ts";
import { reproducible } from "./scenarios/reproducible.ts";
import { rootCost } from "./scenarios/root-cost.ts";
import { probation } from "./scenarios/probation.ts";
import { rollback } from "./scenarios/rollback.ts";
import { volumeShut } from "./scenarios/volume-shut.ts";
import { volumeShutElsewhere } from "./scenarios/volume-shut-elsewhere.ts";

export const scenarios: readonly Scenario[] = [
  claimed,
  inside,
  refusals,
  changedDisk,
  rollback,
  probation,
  installer,
  volumeShut,
  volumeShutElsewhere,
  badData,
  badEsp,
  badMachine,
  reproducible,
  rootCost,
  sealedVolume,
];
