/** When an app is backed up by itself. Pure. */

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

/**
 * Once a day at a time of the app's own; the day's time that was slept over is made up for at once. What failed is tried
 * again sooner, less often each time. A time that lies ahead of the clock, since the clock was set back, counts as now.
 */
export function nextBackupAtMs({ jitter, savedAtMs, sinceMs, failed }: Timing, nowMs: number): number {
  if (failed !== undefined) {
    const pauseMs = Math.min(firstRetryMs * 2 ** Math.min(failed.count - 1, 20), longestRetryMs);
    return Math.min(failed.atMs, nowMs) + pauseMs;
  }
  // The first one soon after the install: a new app is the one its owner tries things out with.
  if (savedAtMs === undefined) return Math.min(sinceMs, nowMs) + Math.floor((1 + jitter) * catchUpMs);
  const offsetMs = Math.floor(jitter * dayMs);
  const lastMs = Math.min(savedAtMs, nowMs);
  const dueMs = Math.floor((lastMs - offsetMs) / dayMs + 1) * dayMs + offsetMs;
  // Just made, as by hand: the time that comes a moment later adds nothing.
  return dueMs - lastMs < dayMs / 4 ? dueMs + dayMs : dueMs;
}

/** How long after its time it begins, where that time was slept over. */
export function catchUpPauseMs(jitter: number): number {
  return Math.floor(jitter * catchUpMs);
}

const drillEachMs = 30 * dayMs;
const drillAgainMs = dayMs;

/**
 * When a restore drill is due: a day after the first backup, then monthly, and the day after one that failed. A time ahead
 * of the clock counts as now.
 */
export function nextDrillAtMs(
  last: { readonly atMs: number; readonly trouble: unknown } | undefined,
  firstBackupAtMs: number,
  nowMs: number,
): number {
  if (last === undefined) return Math.min(firstBackupAtMs, nowMs) + drillAgainMs;
  return Math.min(last.atMs, nowMs) + (last.trouble === undefined ? drillEachMs : drillAgainMs);
}
