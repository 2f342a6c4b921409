/**
 * How large a volume of an app may become. Volumes take the room that is used of them and no more, so their bounds alone
 * keep one app from filling the disk and taking away what every other one writes to. Pure.
 */
import type { AppManifest, DataVolume } from "@piccolo/app-manifest";

const unsaidBytesMax = 100 * 1024 ** 3;
/** Of what is free when it is made: for all volumes of an app together whose size its manifest says, and does not say. */
const saidShare = 3 / 4;
const unsaidShare = 1 / 4;

/** `freeBytes`: on the device now. Where what is said is more than its share, the largest give way. */
export function volumeBound(
  { sizeBytesMax }: DataVolume,
  { volumes }: Pick<AppManifest, "volumes">,
  freeBytes: number,
): number {
  if (sizeBytesMax === undefined) {
    const count = volumes.filter((one) => one.sizeBytesMax === undefined).length;
    return Math.floor(Math.min(unsaidBytesMax, (unsaidShare * freeBytes) / Math.max(count, 1)));
  }
  const said = volumes.flatMap((one) => one.sizeBytesMax ?? []);
  return Math.floor(Math.min(sizeBytesMax, levelOf(said, saidShare * freeBytes)));
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
