import type { World } from "@piccolo/world";

const firstPauseMs = 500;
const longestPauseMs = 30_000;

/**
 * Which holders failed lately: each further failure doubles the pause in which new work passes them over, one success
 * ends it. So a holder that hangs costs a few timeouts, not one per segment.
 */
export class HolderHealth {
  readonly #world: World;
  readonly #pauses = new Map<string, { readonly untilMs: number; readonly pauseMs: number }>();

  constructor(world: World) {
    this.#world = world;
  }

  rests(account: string): boolean {
    return (this.#pauses.get(account)?.untilMs ?? -Infinity) > this.#world.monotonicMs();
  }

  succeeded(account: string): void {
    this.#pauses.delete(account);
  }

  failed(account: string, leastPauseMs = 0): void {
    const before = this.#pauses.get(account)?.pauseMs ?? firstPauseMs / 2;
    const pauseMs = Math.min(longestPauseMs, Math.max(leastPauseMs, before * 2));
    this.#pauses.set(account, { pauseMs, untilMs: this.#world.monotonicMs() + pauseMs });
  }
}
