import { toHex } from "@piccolo/bytes";
import type { World } from "@piccolo/world";
import { afterFailure, type Failures, globalRule, isForgotten, perCallerRule, waitMs } from "./decide.ts";
import { decideTurn, type Turns } from "./turns.ts";
import { type Attempter, authFaults } from "./types.ts";

const mostCallers = 10_000;

/**
 * Slows down guessing of passwords and claim codes. An attempt counts as failed until it has succeeded. Whoever has a
 * living session got in before: a flood from strangers, also from the same address, does not keep them out, and sessions
 * outlive a restart. Strangers who have to wait together take turns, each network of addresses one, and
 * in it each address one.
 */
export class Throttle {
  readonly #world: World;
  readonly #callers = new Map<string, Failures>();
  /** Of strangers, all together. */
  #all: Failures | undefined;
  #turns: Turns = { opensMs: 0, waiting: [] };

  constructor(world: World) {
    this.#world = world;
  }

  /** Throws `too-many-attempts`; otherwise the attempt may be looked at. */
  attempt(attempter: Attempter): void {
    const nowMs = this.#world.monotonicMs();
    for (const [name, failures] of this.#callers) if (isForgotten(failures, nowMs)) this.#callers.delete(name);
    if (this.#all !== undefined && isForgotten(this.#all, nowMs)) {
      this.#all = undefined;
      this.#turns = { opensMs: 0, waiting: [] };
    }
    const name = nameOf(attempter);
    const isStranger = attempter.session === undefined;
    const mine = this.#callers.get(name);
    const ownWaitMs = waitMs(mine, perCallerRule, nowMs);
    // Whoever has to wait by itself asks for no turn: it could not take it.
    const retryAfterMs = ownWaitMs > 0 || !isStranger ? ownWaitMs : this.#waitWithAllMs(attempter.remote, nowMs);
    if (retryAfterMs > 0) {
      const seconds = Math.ceil(retryAfterMs / 1000);
      throw authFaults.fault("too-many-attempts", `too many failed attempts; try again in ${seconds} s`, {
        details: { retryAfterMs },
      });
    }
    if (mine === undefined && this.#callers.size >= mostCallers) {
      const [oldest] = this.#callers.keys();
      if (oldest !== undefined) this.#callers.delete(oldest);
    }
    this.#callers.set(name, afterFailure(mine, nowMs));
    if (!isStranger) return;
    this.#all = afterFailure(this.#all, nowMs);
    this.#turns = { ...this.#turns, opensMs: nowMs + waitMs(this.#all, globalRule, nowMs) };
  }

  /** 0 where it is the caller's turn, which is taken then. */
  #waitWithAllMs(remote: string, nowMs: number): number {
    if (this.#all === undefined || this.#all.count < globalRule.free) return 0;
    const turn = decideTurn(this.#turns, remote, nowMs);
    this.#turns = turn.turns;
    return turn.isServed ? 0 : turn.waitMs;
  }

  succeeded(attempter: Attempter): void {
    const name = nameOf(attempter);
    const mine = this.#callers.get(name)?.count ?? 0;
    this.#callers.delete(name);
    if (attempter.session !== undefined || this.#all === undefined) return;
    this.#all = { ...this.#all, count: Math.max(0, this.#all.count - mine) };
  }
}

const nameOf = ({ remote, session }: Attempter): string =>
  session === undefined ? remote : `session ${toHex(session.tokenHash)}`;
