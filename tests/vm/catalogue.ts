/** The scenarios, in the order they run. */
import type { Scenario } from "./scenario.ts";
import { apps } from "./scenarios/apps.ts";
import { claimed } from "./scenarios/claimed.ts";
import { factoryReset } from "./scenarios/factory-reset.ts";
import { inside } from "./scenarios/inside.ts";
import { badData } from "./scenarios/bad-data.ts";
import { badEsp } from "./scenarios/bad-esp.ts";
import { badMachine } from "./scenarios/bad-machine.ts";
import { changedDisk, damagedRoot } from "./scenarios/changed-disk.ts";
import { deaf } from "./scenarios/deaf.ts";
import { diskFull } from "./scenarios/disk-full.ts";
import { containerRuntime, sealedVolume, volumeRoom } from "./scenarios/guest-suites.ts";
import { hangs, watchdog } from "./scenarios/hangs.ts";
import { installer, installerAgain, installerRepairs } from "./scenarios/installer.ts";
import { oldRelease } from "./scenarios/old-release.ts";
import { otherMachine } from "./scenarios/other-machine.ts";
import { papers } from "./scenarios/papers.ts";
import { powerCuts } from "./scenarios/power-cuts.ts";
import { refusals } from "./scenarios/refusals.ts";
import { reproducible } from "./scenarios/reproducible.ts";
import { rootCost } from "./scenarios/root-cost.ts";
import { probation } from "./scenarios/probation.ts";
import { rollback } from "./scenarios/rollback.ts";
import { rotation } from "./scenarios/rotation.ts";
import { stagedRelease } from "./scenarios/staged-release.ts";
import { swappedVolume } from "./scenarios/swapped-volume.ts";
import { uploadsPowerOffs } from "./scenarios/uploads-power-offs.ts";
import { volumeShut } from "./scenarios/volume-shut.ts";
import { volumeShutElsewhere } from "./scenarios/volume-shut-elsewhere.ts";

export const scenarios: readonly Scenario[] = [
  claimed,
  inside,
  refusals,
  changedDisk,
  rollback,
  probation,
  // Takes the longest by far, so that it does not run alone in the end.
  uploadsPowerOffs,
  installer,
  installerAgain,
  installerRepairs,
  papers,
  damagedRoot,
  volumeShut,
  volumeShutElsewhere,
  badData,
  badEsp,
  badMachine,
  otherMachine,
  swappedVolume,
  rotation,
  oldRelease,
  stagedRelease,
  hangs,
  deaf,
  watchdog,
  factoryReset,
  apps,
  reproducible,
  rootCost,
  sealedVolume,
  volumeRoom,
  containerRuntime,
  diskFull,
  powerCuts,
];
