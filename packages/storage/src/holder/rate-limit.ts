import type { World } from "@piccolo/world";

export interface Rate {
  /** So much may be taken at once. */
  readonly burst: number;
  readonly perSecond: number;
}

interface Bucket {
  left: number;
  atMs: number;
}

const mostAskers = 1_000;

/** Token buckets for each asker, and where there is a rate for it for all together, on the clock that never goes back. */
export class RateLimit {
  readonly #world: World;
  readonly #perAsker: Rate;
  readonly #overall: Rate | undefined;
  readonly #askers = new Map<string, Bucket>();
  readonly #all: Bucket;

  constructor(world: World, perAsker: Rate, overall?: Rate) {
    this.#world = world;
    this.#perAsker = perAsker;
    this.#overall = overall;
    this.#all = { left: overall?.burst ?? Infinity, atMs: world.monotonicMs() };
  }

  /** Takes from both buckets; gives the milliseconds after which it would work where one has too little, else 0. */
  take(asker: string, cost: number): number {
    const own = this.#bucketOf(asker);
    const waitWithAllMs = this.#overall === undefined ? 0 : this.#refilled(this.#all, this.#overall, cost);
    const waitMs = Math.max(this.#refilled(own, this.#perAsker, cost), waitWithAllMs);
    if (waitMs === 0) {
      own.left -= cost;
      this.#all.left -= cost;
    }
    return waitMs;
  }

  /** Takes from the asker's bucket, as far as there is something in it. */
  punish(asker: string, cost: number): void {
    const own = this.#bucketOf(asker);
    own.left = Math.max(0, own.left - cost);
  }

  /** Those who asked last are remembered. */
  #bucketOf(asker: string): Bucket {
    const bucket = this.#askers.get(asker) ?? { left: this.#perAsker.burst, atMs: this.#world.monotonicMs() };
    this.#askers.delete(asker);
    this.#askers.set(asker, bucket);
    const [oldest] = this.#askers.keys();
    if (this.#askers.size > mostAskers && oldest !== undefined) this.#askers.delete(oldest);
    return bucket;
  }

  #refilled(bucket: Bucket, { burst, perSecond }: Rate, cost: number): number {
    const nowMs = this.#world.monotonicMs();
    bucket.left = Math.min(burst, bucket.left + ((nowMs - bucket.atMs) / 1_000) * perSecond);
    bucket.atMs = nowMs;
    return bucket.left >= cost ? 0 : Math.ceil(((cost - bucket.left) / perSecond) * 1_000);
  }
}
