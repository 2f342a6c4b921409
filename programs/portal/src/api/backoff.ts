/** How long to wait before attempt number `attempt` (from 1 on): doubling, bounded, and spread by `spread` in [0, 1). */
export function backoffMs(attempt: number, spread: number): number {
  const bound = Math.min(30_000, 1000 * 2 ** Math.max(0, Math.min(attempt, 20) - 1));
  return Math.round(bound * (0.75 + 0.25 * spread));
}
