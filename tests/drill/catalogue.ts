import type { Drill } from "./drill.ts";
import { killAnytimeDrill } from "./kill-anytime.ts";
import { loseHoldersDrill } from "./lose-holders.ts";
import { storeAndReadDrill } from "./store-and-read.ts";

export const drills: readonly Drill[] = [storeAndReadDrill, loseHoldersDrill, killAnytimeDrill];
