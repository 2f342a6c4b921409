/** What is to be done next for the backups of one app. Pure: no other app's state is asked. */
import { catchUpPauseMs, isTimely, nextBackupAtMs } from "./schedule.ts";
import type { BackupNotes, Trouble } from "./types.ts";

/** The fault of an app that has more data than one backup can hold. */
export const tooLarge = "app-backup-too-large";

export interface Situation {
  /** 0 to below 1, the app's and the device's own. */
  readonly jitter: number;
  /** When the device started, by the clock of now: what it slept over is made up for a while after. */
  readonly startedAtMs: number;
  readonly inNetwork: boolean;
  /** Members online, and how many of them a new backup needs; undefined where the network is too small for any. */
  readonly reach: { readonly online: number; readonly needed: number | undefined };
  /** Whether something is changed about the app just now. */
  readonly isChanging: boolean;
  /** Whether there is something of which a copy can be made. */
  readonly hasData: boolean;
  /** Local copies, oldest first. */
  readonly copies: readonly { readonly id: string; readonly takenAtMs: number }[];
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
  const { copies, stored, inNetwork, reach, notes, isChanging, hasData } = situation;
  const known = new Set(stored.map(({ id }) => id));
  const forgotten = copies.find(({ id }) => known.has(id));
  if (forgotten !== undefined) return { do: "forget", copy: forgotten.id };
  const newest = copies.findLast(({ id }) => !notes.unstorable.includes(id));
  const isReachable = reach.needed !== undefined && reach.online >= reach.needed;
  const obstacle = !inNetwork ? noNetwork : isReachable ? undefined : tooFew(reach);
  const { failed } = notes;
  const pauseMs = pausedUntilMs(situation, nowMs);
  if (
    failed !== undefined &&
    pauseMs !== undefined &&
    pauseMs > nowMs &&
    (obstacle === undefined || newest === undefined)
  ) {
    return { do: "wait", atMs: pauseMs, trouble: failed };
  }
  if (newest !== undefined && obstacle === undefined) return { do: "store", copy: newest.id };
  const dueMs = dueAtMs(situation, nowMs);
  // What failed before there was a copy is done again after its pause, and not only when its day comes; a day's, not before it.
  const atMs = pauseMs === undefined ? dueMs : newest === undefined ? pauseMs : Math.max(dueMs, pauseMs);
  const isDue = atMs <= nowMs;
  // Without a copy waiting, and before its time, a network that is too small is nothing to complain of.
  const isWanted = !inNetwork || newest !== undefined || (isDue && !hasData);
  const trouble = isPointless(notes) && obstacle === undefined ? failed : isWanted ? obstacle : undefined;
  if (!isDue) return { do: "wait", atMs, trouble };
  // Without the network there is nothing of an app without data that could be kept.
  const canBeSaved = !isChanging && (hasData || obstacle === undefined);
  return canBeSaved ? { do: "save" } : { do: "wait", atMs: undefined, trouble };
}

/** The same data fails the same way again: what is pointless soon waits for its day like a backup that was made. */
function isPointless({ failed }: BackupNotes): boolean {
  return failed?.code === tooLarge;
}

/** Of what failed, and may go better after a while; where members were missing it goes on when they are there. */
function pausedUntilMs({ jitter, notes }: Situation, nowMs: number): number | undefined {
  const { sinceMs, failed } = notes;
  if (failed === undefined || isPointless(notes) || failed.code === "too-few-holders") return undefined;
  return nextBackupAtMs({ jitter, savedAtMs: undefined, sinceMs, failed }, nowMs);
}

/** A copy on the device is the day's as one in the network is. */
function dueAtMs({ jitter, startedAtMs, copies, stored, notes }: Situation, nowMs: number): number {
  const { sinceMs, failed } = notes;
  const times = [...stored, ...copies].map(({ takenAtMs }) => takenAtMs);
  if (failed !== undefined && isPointless(notes)) times.push(failed.atMs);
  // One from a clock that was ahead must not hold up those after it.
  const timely = times.filter((atMs) => isTimely(atMs, nowMs));
  const savedAtMs = times.length === 0 ? undefined : Math.max(...(timely.length === 0 ? times : timely));
  const dueMs = nextBackupAtMs({ jitter, savedAtMs, sinceMs, failed: undefined }, nowMs);
  // A failure's pause was chosen for this app alone; a day's time that passed while the device slept passed for all.
  return dueMs < startedAtMs ? startedAtMs + catchUpPauseMs(jitter) : dueMs;
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
