/** What stands in the way of an app that is to come, or of another version of it. Pure. */
import type { Preflight } from "./queries.ts";

export type Obstacle = Preflight["obstacles"][number];

/** These are only told: the device takes the app all the same. */
const mild: ReadonlySet<Obstacle["code"]> = new Set(["too-little-memory", "in-trash", "runtime-unavailable"]);

/** In the way of an app that is not there yet; one that is has its name and its place. */
const ofNewcomers: ReadonlySet<Obstacle["code"]> = new Set(["name-taken", "name-reserved", "too-many-apps"]);

export const blocksInstall = ({ code }: Obstacle): boolean => !mild.has(code);

export const blocksUpdate = ({ code }: Obstacle): boolean => !mild.has(code) && !ofNewcomers.has(code);
