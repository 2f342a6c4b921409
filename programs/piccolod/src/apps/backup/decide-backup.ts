/** What is to be done next for the backups of one app. Pure: no other app's state is asked. */
import { catchUpPauseMs, nextBackupAtMs } from "./schedule.ts";
import type { BackupNotes, Trouble } from "./types.ts";

/** The fault of an app that has more data than one backup can hold. */
export const tooLarge = "app-backup-too-large";

export interface Situation {
  /** 0 to below 1, the app's and the device's own. */
  readonly jitter: number;
  /** When the device started: what it slept over is made up for a while after. */
  readonly startedAtMs: number;
  readonly inNetwork: boolean;
  /** Members online, and how many of them a new backup needs; undefined where the network is too small for any. */
  readonly reach: { readonly online: number; readonly needed: number | undefined };
  /** Whether something is changed about the app just now. */
  readonly isChanging: boolean;
  /** Local copies, oldest first. */
  readonly copies: readonly { readonly id: string }[];
  /** In the network, newest first. */
  readonly stored: readonly { readonly id: string; readonly takenAtMs: number }[];
  readonly notes: BackupNotes;
}

export type NextBackup =
  /** A copy is in the network, and needed here no more once enough members witness that. */
  | { readonly do: "forget"; readonly copy: string }
  /** A copy is to be stored. */
  | { readonly do: "store"; readonly copy: string }
  /** A copy is to be made. */
  | { readonly do: "save" }
  /** `atMs`: when there is something to do by itself; undefined while something else has to change first. */
  | { readonly do: "wait"; readonly atMs: number | undefined; readonly trouble: Trouble | undefined };

export function decideBackup(situation: Situation, nowMs: number): NextBackup {
  const { copies, stored, inNetwork, reach, notes, isChanging } = situation;
  const known = new Set(stored.map(({ id }) => id));
  const forgotten = copies.find(({ id }) => known.has(id));
  if (forgotten !== undefined) return { do: "forget", copy: forgotten.id };
  if (!inNetwork) return { do: "wait", atMs: undefined, trouble: noNetwork };
  const isReachable = reach.needed !== undefined && reach.online >= reach.needed;
  const newest = copies.findLast(({ id }) => !notes.unstorable.includes(id));
  const { failed } = notes;
  const atMs = dueAtMs(situation, nowMs);
  if (!isReachable) {
    // Without a copy waiting and before its time there is nothing to complain of.
    const isWanted = newest !== undefined || atMs <= nowMs;
    return { do: "wait", atMs: isWanted ? undefined : atMs, trouble: isWanted ? tooFew(reach) : undefined };
  }
  const isHopeful = failed?.code === "too-few-holders";
  if (failed !== undefined && !isHopeful && atMs > nowMs) return { do: "wait", atMs, trouble: failed };
  if (newest !== undefined) return { do: "store", copy: newest.id };
  if (atMs > nowMs) return { do: "wait", atMs, trouble: undefined };
  return isChanging ? { do: "wait", atMs: undefined, trouble: undefined } : { do: "save" };
}

function dueAtMs({ jitter, startedAtMs, stored, notes }: Situation, nowMs: number): number {
  const { sinceMs, failed } = notes;
  // The same data fails the same way again: what is pointless soon waits for its day like a backup that was made.
  const isPointless = failed?.code === tooLarge;
  const again = isPointless ? undefined : failed;
  const savedAtMs = isPointless ? failed.atMs : stored[0]?.takenAtMs;
  const dueMs = nextBackupAtMs({ jitter, savedAtMs, sinceMs, failed: again }, nowMs);
  // A failure's pause was chosen for this app alone; a day's time that passed while the device slept passed for all.
  return again === undefined && dueMs < startedAtMs ? startedAtMs + catchUpPauseMs(jitter) : dueMs;
}

const noNetwork: Trouble = {
  code: "no-network",
  detail: "This device is in no network yet, so its backups stay on it.",
  nextStep: "Join a network or found one; then they are spread by themselves.",
};

export function tooFew({ online, needed }: Situation["reach"]): Trouble {
  const devices = (count: number): string => `${count} other ${count === 1 ? "device" : "devices"}`;
  if (needed === undefined) {
    return {
      code: "too-few-holders",
      detail: "The network is too small to keep a backup.",
      nextStep: "Invite more members; it goes on by itself.",
    };
  }
  return {
    code: "too-few-holders",
    detail: `A backup needs ${devices(needed)} online, and there ${online === 1 ? "is" : "are"} ${online}.`,
    nextStep: "It goes on by itself as soon as they are there.",
  };
}
