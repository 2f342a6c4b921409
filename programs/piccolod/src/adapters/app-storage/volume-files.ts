/** The files that volumes are, by their names and sizes. */
import { readdirSync, statSync } from "node:fs";
import { isThere } from "./image-file.ts";

const unitBytes = 512;

export const fileOf = (volume: string): string => `${volume}.ext4`;

/** Names of the volumes whose files lie in the folder. */
export function volumesIn(folder: string): readonly string[] {
  if (!isThere(folder)) return [];
  return readdirSync(folder).flatMap((name) => /^(.+)\.ext4$/.exec(name)?.[1] ?? []);
}

/** What a file takes of the disk. */
export function takenBytes(path: string): number {
  return statSync(path).blocks * unitBytes;
}

/** What it may take at most. */
export function boundBytes(path: string): number {
  return statSync(path).size;
}

/** What it may still take; nothing where it is gone. */
export function untakenBytes(path: string): number {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? 0 : Math.max(0, stat.size - stat.blocks * unitBytes);
}
