import type { World } from "@piccolo/world";
import { afterFailure, type Failures, globalRule, isForgotten, perRemoteRule, waitMs } from "./decide.ts";
import { authFaults } from "./types.ts";

const mostRemotes = 10_000;
const mostKnown = 100;

/** Slows down guessing of passwords and claim codes. An attempt counts as failed until it has succeeded. */
export class Throttle {
  readonly #world: World;
  readonly #remotes = new Map<string, Failures>();
  /** Addresses from which somebody got in, the latest last: a flood from others does not keep them out. */
  readonly #known = new Set<string>();
  #all: Failures | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  /** Throws `too-many-attempts`; otherwise the attempt may be looked at. */
  attempt(remote: string): void {
    const nowMs = this.#world.monotonicMs();
    for (const [name, failures] of this.#remotes) if (isForgotten(failures, nowMs)) this.#remotes.delete(name);
    if (this.#all !== undefined && isForgotten(this.#all, nowMs)) this.#all = undefined;
    const mine = this.#remotes.get(remote);
    const waitWithAllMs = this.#known.has(remote) ? 0 : waitMs(this.#all, globalRule, nowMs);
    const retryAfterMs = Math.max(waitMs(mine, perRemoteRule, nowMs), waitWithAllMs);
    if (retryAfterMs > 0) {
      const seconds = Math.ceil(retryAfterMs / 1000);
      throw authFaults.fault("too-many-attempts", `too many failed attempts; try again in ${seconds} s`, {
        details: { retryAfterMs },
      });
    }
    if (mine === undefined && this.#remotes.size >= mostRemotes) {
      const [oldest] = this.#remotes.keys();
      if (oldest !== undefined) this.#remotes.delete(oldest);
    }
    this.#remotes.set(remote, afterFailure(mine, nowMs));
    this.#all = afterFailure(this.#all, nowMs);
  }

  succeeded(remote: string): void {
    const mine = this.#remotes.get(remote)?.count ?? 0;
    this.#remotes.delete(remote);
    this.#known.delete(remote);
    this.#known.add(remote);
    const [oldest] = this.#known;
    if (this.#known.size > mostKnown && oldest !== undefined) this.#known.delete(oldest);
    if (this.#all !== undefined) this.#all = { ...this.#all, count: Math.max(0, this.#all.count - mine) };
  }
}
