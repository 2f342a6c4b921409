import { centralFaults } from "@piccolo/central-api";
import type { World } from "@piccolo/world";
import type { RateLimit } from "../limits.ts";

const keysMax = 100_000;

interface Bucket {
  tokens: number;
  atMs: number;
}

/** A token bucket per key. Those that are full again are forgotten, the longest unused first. */
export class RateLimiter {
  readonly #limit: RateLimit;
  readonly #world: World;
  readonly #buckets = new Map<string, Bucket>();

  constructor(limit: RateLimit, world: World) {
    this.#limit = limit;
    this.#world = world;
  }

  /** Takes one call; throws `rate-limited` where none is left. */
  take(key: string): void {
    const { burst, perSecond } = this.#limit;
    const nowMs = this.#world.monotonicMs();
    const bucket = this.#buckets.get(key) ?? { tokens: burst, atMs: nowMs };
    bucket.tokens = Math.min(burst, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * perSecond);
    bucket.atMs = nowMs;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > keysMax && oldest !== undefined) this.#buckets.delete(oldest);
    if (bucket.tokens < 1) {
      const retryAfterMs = Math.ceil(((1 - bucket.tokens) / perSecond) * 1000);
      throw centralFaults.fault("rate-limited", `too many calls: wait ${Math.ceil(retryAfterMs / 1000)} s`, {
        details: { retryAfterMs },
      });
    }
    bucket.tokens -= 1;
  }
}

/** What counts as one remote: an IPv4 address, or the /64 of an IPv6 address, which one subscriber has to themselves. */
export function remoteOf(address: string | undefined): string {
  if (address === undefined) return "unknown";
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(":")) return mapped ?? address;
  const [head = "", tail] = (address.split("%")[0] ?? "").split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  return [...left, ...Array.from({ length: zeros }, () => "0"), ...right].slice(0, 4).join(":");
}
