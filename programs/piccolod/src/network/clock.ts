import type { Clock } from "@piccolo/device-api";

/** From here on TLS between devices breaks, so a clock this far off is named as the reason. */
export const wrongClockMs = 3_600_000;

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = 0, high = low] = sorted.length % 2 === 0 ? sorted.slice(middle - 1, middle + 1) : sorted.slice(middle);
  return sorted.length % 2 === 0 ? (low + high) / 2 : low;
}

/**
 * Whether this device's clock is wrong, from how far others' clocks are ahead of it. The middle one counts, so that a
 * few wrong clocks among the others change nothing. Where there are none, `isForgotten` says what the machine knows.
 */
export function judgeClock(aheadOfUsMs: readonly number[], isForgotten: boolean): Clock {
  if (aheadOfUsMs.length === 0) return { state: isForgotten ? "forgotten" : "unknown", offsetMs: 0 };
  const offsetMs = -Math.round(median(aheadOfUsMs));
  return { state: Math.abs(offsetMs) > wrongClockMs ? "wrong" : "good", offsetMs };
}

/** Whether what is done for good by the clock may be done: others agree with it, or there are none. */
export function isClockBelieved(network: {
  readonly clock: () => Clock;
  readonly members: { readonly holders: () => readonly unknown[] };
}): boolean {
  const { state } = network.clock();
  return state === "good" || (state === "unknown" && network.members.holders().length === 0);
}

/**
 * The latest it can be, for what others have dated. Clocks behind the others' are corrected by what these say, the lower
 * middle one, which no single one of several moves. Before enough of them have said it, the own clock counts; one that
 * has forgotten the time bounds nothing.
 */
export function latestNowMs(
  nowMs: number,
  aheadOfUsMs: readonly number[],
  others: number,
  isForgotten: boolean,
): number {
  if (aheadOfUsMs.length < Math.min(2, others) || aheadOfUsMs.length === 0) return isForgotten ? Infinity : nowMs;
  const sorted = aheadOfUsMs.toSorted((a, b) => a - b);
  return nowMs + Math.max(0, sorted[Math.floor((sorted.length - 1) / 2)] ?? 0);
}

/** Whether it is the other's clock that is wrong: far from ours while ours agrees with most. */
export function isPeerClockWrong(aheadOfUsMs: number, ours: Clock): boolean {
  return Math.abs(aheadOfUsMs + ours.offsetMs) > wrongClockMs;
}
