import { statfsSync } from "node:fs";

const mostBytes = 10 * 1024 ** 3;

/** A tenth of the file system, at most 10 GiB. */
export function defaultSpoolBytes(path: string): number {
  const { blocks, bsize } = statfsSync(path);
  return Math.min(mostBytes, Math.floor((blocks * bsize) / 10));
}
