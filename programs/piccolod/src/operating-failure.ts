/**
 * What the world did, told from a bug: a fault, what the system refused, and a statement of a database that failed at the
 * disk. Whoever works on by itself, for one app or one backup among others, reports it and tries again; a bug it lets through,
 * which ends the process. What a damaged database says is let through, too: without it nothing is right.
 */
import { isFault } from "@piccolo/fault";
import { isOfDisk } from "./db/database.ts";
import { diskFullOf } from "./room/disk-full.ts";

export function isOperatingFailure(error: unknown): error is Error & { readonly code: string } {
  return isFault(error) || isOfSystem(error);
}

function isOfSystem(error: unknown): boolean {
  return (error instanceof Error && "errno" in error && "code" in error) || isOfDisk(error);
}

/** A fault as it is, and one code for a full disk and one for another that refuses; undefined for what is a bug. */
export function causeOf(error: unknown): { readonly code: string; readonly message: string } | undefined {
  if (isFault(error)) return error;
  if (!isOfSystem(error)) return undefined;
  return diskFullOf(error) === undefined
    ? { code: "disk-error", message: "the disk refused what was to be done" }
    : { code: "disk-full", message: "the disk is full" };
}
