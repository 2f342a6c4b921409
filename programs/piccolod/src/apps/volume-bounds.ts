/**
 * How large a volume of an app may become. Volumes take the room that is used of them and no more, so their bounds alone
 * keep one app from filling the disk and taking away what every other one writes to. What a bound lets another volume still
 * take is promised to it, and is shared out to no one else. Pure.
 */
import type { AppManifest, DataVolume } from "@piccolo/app-manifest";

const mebibyte = 1024 ** 2;
const unsaidBytesMax = 100 * 1024 ** 3;
/** Hardly any app does anything useful with less, unless it says so. */
const leastBytes = 64 * mebibyte;
/** Of what is free when it is made: for all volumes of an app together whose size its manifest says, and does not say. */
const saidShare = 3 / 4;
const unsaidShare = 1 / 4;
/** By less a bound is not raised, and by no smaller part of it: what is free changes with every file. */
const leastStepBytes = 16 * mebibyte;
const stepShare = 1 / 8;
const nearlyFullShare = 7 / 8;

export interface BoundFacts {
  /** On the device now. */
  readonly freeBytes: number;
  /** What the app's volumes that are there may still take of that; undefined where it has none yet. */
  readonly ownBytes: number | undefined;
  /** The same of all other apps' volumes. */
  readonly othersBytes: number;
}

/**
 * Where what is said is more than its share, the largest give way. Undefined where an app cannot begin, since not even the
 * least is left for it. What an app that has data lacks is made in any case where the least is free: without it its data,
 * which may have come from a larger device, would be of no use.
 */
export function volumeBound(
  volume: DataVolume,
  manifest: Pick<AppManifest, "volumes">,
  { freeBytes, ownBytes, othersBytes }: BoundFacts,
): number | undefined {
  const forApp = Math.max(0, freeBytes - othersBytes);
  const left = Math.max(0, forApp - (ownBytes ?? 0));
  const bound = Math.floor(Math.min(shareOf(volume, manifest, forApp), left));
  const least = Math.min(volume.sizeBytesMax ?? leastBytes, leastBytes);
  if (bound >= least) return bound;
  return (ownBytes === undefined ? left : freeBytes) >= least ? least : undefined;
}

/** A volume as it is. */
export interface VolumeNow {
  readonly boundBytes: number;
  readonly usedBytes: number;
}

/**
 * What the bound of a volume that is there is to be raised to: what it would get if the app's volumes were made now, with
 * the room they take given back, and never what is promised to another volume. Undefined where that is no more than it has,
 * or hardly more. No bound is lowered, not for a smaller size of another version either: a file system is made smaller at the
 * risk of what is in it, and what it does not take is not missing anywhere. `volumes`: of the app, by name.
 */
export function raisedBound(
  volume: DataVolume,
  manifest: Pick<AppManifest, "volumes">,
  volumes: Readonly<Record<string, VolumeNow>>,
  { freeBytes, ownBytes = 0, othersBytes }: BoundFacts,
): number | undefined {
  const now = volumes[volume.name];
  if (now === undefined) return undefined;
  const forApp = Math.max(0, freeBytes - othersBytes);
  const takenBytes = Object.values(volumes).reduce((sum, { usedBytes }) => sum + usedBytes, 0);
  const ownOthersBytes = ownBytes - Math.max(0, now.boundBytes - now.usedBytes);
  const mostBytes = now.usedBytes + Math.max(0, forApp - ownOthersBytes);
  const bound = Math.floor(Math.min(shareOf(volume, manifest, forApp + takenBytes), mostBytes));
  const worthBytes = bound === volume.sizeBytesMax ? mebibyte : Math.max(leastStepBytes, now.boundBytes * stepShare);
  return bound - now.boundBytes >= worthBytes ? bound : undefined;
}

/** Whether the app will soon have no room in it. */
export function isNearlyFull({ boundBytes, usedBytes }: VolumeNow): boolean {
  return usedBytes >= boundBytes * nearlyFullShare;
}

/** Whether each of these volumes, which are made one after another, gets what it cannot begin without. */
export function isRoomFor(
  volumes: readonly DataVolume[],
  manifest: Pick<AppManifest, "volumes">,
  facts: BoundFacts,
): boolean {
  let { ownBytes } = facts;
  return volumes.every((volume) => {
    const bound = volumeBound(volume, manifest, { ...facts, ownBytes });
    if (bound !== undefined) ownBytes = (ownBytes ?? 0) + bound;
    return bound !== undefined;
  });
}

function shareOf({ sizeBytesMax }: DataVolume, { volumes }: Pick<AppManifest, "volumes">, forAppBytes: number): number {
  if (sizeBytesMax === undefined) {
    const count = volumes.filter((one) => one.sizeBytesMax === undefined).length;
    return Math.min(unsaidBytesMax, (unsaidShare * forAppBytes) / Math.max(count, 1));
  }
  const said = volumes.flatMap((one) => one.sizeBytesMax ?? []);
  return Math.min(sizeBytesMax, levelOf(said, saidShare * forAppBytes));
}

/** To which all sizes can be cut so that they are at most so much together, and those below it stay whole. */
function levelOf(sizes: readonly number[], totalBytes: number): number {
  let [left, count] = [totalBytes, sizes.length];
  for (const size of sizes.toSorted((a, b) => a - b)) {
    if (size > left / count) return left / count;
    left -= size;
    count -= 1;
  }
  return Number.POSITIVE_INFINITY;
}
