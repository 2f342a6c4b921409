import { createHash } from "node:crypto";
import type { World } from "./index.ts";

interface Sleeper {
  readonly wakeMs: number;
  readonly order: number;
  readonly wake: () => void;
}

/**
 * A world that is a pure function of its seed and of the calls made: time moves only by `advance`, random bytes come
 * from SHA-256 in counter mode. Not for keys.
 */
export class SeededWorld implements World {
  readonly #seed: string;
  readonly #startMs: number;
  #elapsedMs = 0;
  #counter = 0;
  #order = 0;
  #sleepers: Sleeper[] = [];

  constructor(seed: string | number, startMs = 1_800_000_000_000) {
    this.#seed = String(seed);
    this.#startMs = startMs;
  }

  nowMs(): number {
    return this.#startMs + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal?.reason);
      };
      const sleeper: Sleeper = {
        wakeMs: this.#elapsedMs + ms,
        order: this.#order++,
        wake: () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#sleepers.push(sleeper);
    });
  }

  /** Moves time forward and wakes sleepers in order; each wakes before later ones are looked at. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#elapsedMs + ms;
    for (;;) {
      const next = this.#sleepers
        .filter((sleeper) => sleeper.wakeMs <= endMs)
        .sort((a, b) => a.wakeMs - b.wakeMs || a.order - b.order)[0];
      if (next === undefined) break;
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== next);
      this.#elapsedMs = Math.max(this.#elapsedMs, next.wakeMs);
      next.wake();
      // What the sleeper does next may sleep again within the same span, so promises settle before the next look.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#elapsedMs = endMs;
  }

  randomBytes(length: number): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(length);
    for (let at = 0; at < length; at += 32) {
      const block = createHash("sha256")
        .update(`${this.#seed}:${this.#counter++}`)
        .digest();
      out.set(block.subarray(0, Math.min(32, length - at)), at);
    }
    return out;
  }
}
