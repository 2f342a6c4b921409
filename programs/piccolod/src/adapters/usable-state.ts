/** The state folder, or what stands in for it where what lies on the disk cannot be used. */
import { rmSync } from "node:fs";
import { isFault } from "@piccolo/fault";
import { findOutside } from "../security/outside-store.ts";
import { errorFacts, type Log } from "./log.ts";
import { stateFaults, StateFolder } from "./state-folder.ts";

export interface UsableState {
  readonly folder: StateFolder;
  /** Why the disk's is not used: the device can do nothing then but say so. */
  readonly unusable: { readonly code: string; readonly detail: string } | undefined;
}

const trialName = "writable";

/**
 * `standIn` is a folder in memory; undefined = what is wrong with the disk's folder is thrown. `small` are the files that are read
 * and written outside of what keeps the volume closed by itself.
 */
export function openUsableState(
  path: string,
  {
    standIn,
    small,
    log,
  }: { readonly standIn: string | undefined; readonly small: readonly string[]; readonly log: Log },
): UsableState {
  if (standIn === undefined) return { folder: new StateFolder(path), unusable: undefined };
  let folder: StateFolder | undefined;
  try {
    folder = new StateFolder(path);
    folder.refuseLinkAt("volume");
    for (const name of small) folder.read(name);
    // A link in the record's place is told as a damaged record; a disk that cannot be read is told here.
    findOutside(folder);
    folder.write(trialName, new Uint8Array(0));
    folder.remove(trialName);
    return { folder, unusable: undefined };
  } catch (error) {
    folder?.close();
    // Another daemon has the folder: that passes, and this one is started again.
    if (isFault(error, "state-in-use") || !(error instanceof Error)) throw error;
    log.error("state-unusable", errorFacts(error));
    rmSync(standIn, { recursive: true, force: true });
    const { meaning } = stateFaults.entries["state-damaged"];
    const because = isFault(error) ? error.message : systemCodeOf(error);
    return { folder: new StateFolder(standIn), unusable: { code: "state-damaged", detail: `${meaning} (${because})` } };
  }
}

const systemCodeOf = (error: Error): string => ("code" in error ? String(error.code) : error.name);
