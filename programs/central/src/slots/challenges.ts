import { centralFaults } from "@piccolo/central-api";
import { toHex } from "@piccolo/bytes";
import type { World } from "@piccolo/world";

const lifetimeMs = 120_000;
const outstandingMax = 10_000;

/** Challenges given out and not yet taken. In memory: after a restart whoever waits asks for another one. */
export class Challenges {
  readonly #world: World;
  /** End on the monotonic clock, oldest first. */
  readonly #outstanding = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  issue(): { readonly challenge: Uint8Array; readonly expiresAtMs: number } {
    const challenge = this.#world.randomBytes(32);
    this.#outstanding.set(toHex(challenge), this.#world.monotonicMs() + lifetimeMs);
    const [oldest] = this.#outstanding.keys();
    if (this.#outstanding.size > outstandingMax && oldest !== undefined) this.#outstanding.delete(oldest);
    return { challenge, expiresAtMs: this.#world.nowMs() + lifetimeMs };
  }

  /** Throws `challenge-refused`; each is taken once. */
  take(challenge: Uint8Array): void {
    const name = toHex(challenge);
    const endMs = this.#outstanding.get(name);
    this.#outstanding.delete(name);
    if (endMs === undefined || endMs < this.#world.monotonicMs()) {
      throw centralFaults.fault("challenge-refused", "the challenge is used or too old: ask for a fresh one");
    }
  }
}
