/**
 * How large a volume of an app may become. Volumes take the room that is used of them and no more, so their bounds alone
 * keep one app from filling the disk and taking away what every other one writes to. Pure.
 */
import type { AppManifest, DataVolume } from "@piccolo/app-manifest";

const unsaidBytesMax = 100 * 1024 ** 3;
/** Of what is free when it is made: for all volumes of an app together whose size its manifest says, and does not say. */
const saidShare = 3 / 4;
const unsaidShare = 1 / 4;

/** `freeBytes`: on the device now. What is said stays in proportion where it is more than its share. */
export function volumeBound(
  { sizeBytesMax }: DataVolume,
  { volumes }: Pick<AppManifest, "volumes">,
  freeBytes: number,
): number {
  if (sizeBytesMax === undefined) {
    const count = volumes.filter((one) => one.sizeBytesMax === undefined).length;
    return Math.floor(Math.min(unsaidBytesMax, (unsaidShare * freeBytes) / Math.max(count, 1)));
  }
  const said = volumes.reduce((sum, one) => sum + (one.sizeBytesMax ?? 0), 0);
  return Math.floor(sizeBytesMax * Math.min(1, (saidShare * freeBytes) / said));
}
