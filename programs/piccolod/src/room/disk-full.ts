import type { Fault } from "@piccolo/fault";
import { diskFaults } from "@piccolo/storage/ports";

/** SQLITE_FULL: no room for the database or its journal. */
export const sqliteFull = 13;
const systemCodes: readonly unknown[] = ["ENOSPC", "EDQUOT"];

/** A full disk, told by the database or the file system, is an operating failure; undefined for every other error. */
export function diskFullOf(error: unknown): Fault | undefined {
  if (!(error instanceof Error)) return undefined;
  const isFull =
    ("errcode" in error && error.errcode === sqliteFull) || ("code" in error && systemCodes.includes(error.code));
  if (!isFull) return undefined;
  return diskFaults.fault("disk-full", "the disk is full; free some room, then do it again", { cause: error });
}
