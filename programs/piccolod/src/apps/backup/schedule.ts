/** When an app is backed up by itself. Pure. */
import { unproven } from "./types.ts";

const dayMs = 24 * 3_600_000;
/** After a sleep over its time it is made up for soon, but not by all apps in the same moment. */
const catchUpMs = 10 * 60_000;
const firstRetryMs = 5 * 60_000;
const longestRetryMs = 6 * 3_600_000;

export interface Timing {
  /** 0 to below 1, the app's and the device's own: neither all apps nor all devices of a network begin at once. */
  readonly jitter: number;
  /** Of the newest backup; undefined where there is none. */
  readonly savedAtMs: number | undefined;
  /** Of the first moment there was something to save. */
  readonly sinceMs: number;
  /** Of the last try that failed, with how many have failed in a row; undefined where none has since. */
  readonly failed: { readonly atMs: number; readonly count: number } | undefined;
}

/** A clock that is set right by seconds, as each is now and then, makes nothing untimely. */
const skewMs = 3_600_000;
/** Before everything. */
const longAgoMs = 0;

/**
 * Whether something that was noted as of that time can have been. A time further ahead was noted by a clock that has been
 * set back since; when it really was is not known, and what goes by it may be long due.
 */
export function isTimely(atMs: number, nowMs: number): boolean {
  return atMs <= nowMs + skewMs;
}

/**
 * Once a day at a time of the app's own; the day's time that was slept over is made up for at once. What failed is tried
 * again sooner, less often each time. What hangs on a time that is not timely is due.
 */
export function nextBackupAtMs({ jitter, savedAtMs, sinceMs, failed }: Timing, nowMs: number): number {
  if (failed !== undefined) {
    const pauseMs = Math.min(firstRetryMs * 2 ** Math.min(failed.count - 1, 20), longestRetryMs);
    return isTimely(failed.atMs, nowMs) ? failed.atMs + pauseMs : longAgoMs;
  }
  // The first one soon after the install: a new app is the one its owner tries things out with.
  if (savedAtMs === undefined) {
    return isTimely(sinceMs, nowMs) ? sinceMs + Math.floor((1 + jitter) * catchUpMs) : longAgoMs;
  }
  if (!isTimely(savedAtMs, nowMs)) return longAgoMs;
  const offsetMs = Math.floor(jitter * dayMs);
  const dueMs = Math.floor((savedAtMs - offsetMs) / dayMs + 1) * dayMs + offsetMs;
  // Just made, as by hand: the time that comes a moment later adds nothing.
  return dueMs - savedAtMs < dayMs / 4 ? dueMs + dayMs : dueMs;
}

/** How long after its time it begins, where that time was slept over. */
export function catchUpPauseMs(jitter: number): number {
  return Math.floor(jitter * catchUpMs);
}

const drillEachMs = 30 * dayMs;
const drillAgainMs = dayMs;

/** When a restore drill is due: a day after the first backup, then monthly, and the day after one that failed. */
export function nextDrillAtMs(
  last: { readonly atMs: number; readonly trouble: { readonly code: string } | undefined } | undefined,
  firstBackupAtMs: number,
  nowMs: number,
): number {
  const lastMs = last?.atMs ?? firstBackupAtMs;
  if (!isTimely(lastMs, nowMs)) return longAgoMs;
  const isDone = last !== undefined && (last.trouble === undefined || last.trouble.code === unproven);
  return lastMs + (isDone ? drillEachMs : drillAgainMs);
}
