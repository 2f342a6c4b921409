/** The scenarios, in the order they run. */
import type { Scenario } from "./scenario.ts";
import { firstBoot } from "./scenarios/first-boot.ts";
import { inside } from "./scenarios/inside.ts";

export const scenarios: readonly Scenario[] = [firstBoot, inside];
