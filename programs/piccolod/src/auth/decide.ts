/** Failed attempts of one remote address or session, or of all strangers together. */
export interface Failures {
  readonly count: number;
  readonly lastMs: number;
}

export interface ThrottleRule {
  /** Attempts that cost nothing. */
  readonly free: number;
  readonly longestMs: number;
}

/** One caller guesses slowly soon; strangers together later and less, so that none can lock the owner out for long. */
export const perCallerRule: ThrottleRule = { free: 5, longestMs: 15 * 60_000 };
export const globalRule: ThrottleRule = { free: 30, longestMs: 30_000 };
/** After this time without an attempt nothing is held against anyone any more. */
export const forgetMs = 60 * 60_000;

/** How long the next attempt has to wait: 1 s, 2 s, 4 s, ... after the last one. */
export function waitMs(failures: Failures | undefined, rule: ThrottleRule, nowMs: number): number {
  if (failures === undefined || failures.count < rule.free) return 0;
  const delayMs = Math.min(rule.longestMs, 1_000 * 2 ** Math.min(30, failures.count - rule.free));
  return Math.max(0, failures.lastMs + delayMs - nowMs);
}

export function afterFailure(failures: Failures | undefined, nowMs: number): Failures {
  return { count: (failures?.count ?? 0) + 1, lastMs: nowMs };
}

export function isForgotten(failures: Failures, nowMs: number): boolean {
  return nowMs - failures.lastMs > forgetMs;
}
