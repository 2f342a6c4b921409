import { createHmac } from "node:crypto";
import { toHex } from "@piccolo/bytes";
import type { World } from "@piccolo/world";

/** A challenge is good in the window it was given in and in the next one. */
const windowMs = 30_000;
const mostUsed = 1_000;

/**
 * Challenges for askers who are nobody's yet. They are derived, so that giving one keeps nothing: however many strangers
 * ask for one, nobody else's is forgotten for it. Only one that a right proof has used leaves a mark.
 */
export class RecoveryChallenges {
  readonly #world: Pick<World, "monotonicMs" | "randomBytes">;
  readonly #secret: Uint8Array;
  /** By asker: what makes the next challenge another one than the used. */
  readonly #used = new Map<string, Uint8Array>();

  constructor(world: Pick<World, "monotonicMs" | "randomBytes">) {
    this.#world = world;
    this.#secret = world.randomBytes(32);
  }

  /** 32 bytes. */
  give(asker: Uint8Array): Uint8Array {
    return this.#of(asker, this.#window());
  }

  /** Whether something fits a challenge that this asker was given; that one is used then. */
  use(asker: Uint8Array, fits: (challenge: Uint8Array) => boolean): boolean {
    const window = this.#window();
    if (![window, window - 1].some((at) => fits(this.#of(asker, at)))) return false;
    const name = toHex(asker);
    this.#used.delete(name);
    this.#used.set(name, this.#world.randomBytes(16));
    const [oldest] = this.#used.keys();
    if (this.#used.size > mostUsed && oldest !== undefined) this.#used.delete(oldest);
    return true;
  }

  #window(): number {
    return Math.floor(this.#world.monotonicMs() / windowMs);
  }

  #of(asker: Uint8Array, window: number): Uint8Array {
    const hmac = createHmac("sha256", this.#secret).update(asker).update(String(window));
    return new Uint8Array(hmac.update(this.#used.get(toHex(asker)) ?? "").digest());
  }
}
