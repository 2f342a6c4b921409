import { centralFaults } from "@piccolo/central-api";
import type { Limits } from "../limits.ts";

const retryAfterMs = 1_000;

/** How many large bodies may be in memory at once: they are read whole, since a signature covers all of a body. */
export class LargeBodies {
  readonly #limits: Pick<Limits, "largeBodies" | "largeBodiesPerRemote">;
  readonly #underWay = new Map<string, number>();
  #all = 0;

  constructor(limits: Pick<Limits, "largeBodies" | "largeBodiesPerRemote">) {
    this.#limits = limits;
  }

  static isMeant(method: string, path: string): boolean {
    return method === "PUT" && (path.startsWith("/v1/blobs/") || path.endsWith("/metadata"));
  }

  /** Throws `rate-limited` where too many are under way. */
  async within<Result>(remote: string, run: () => Promise<Result>): Promise<Result> {
    const own = this.#underWay.get(remote) ?? 0;
    if (own >= this.#limits.largeBodiesPerRemote || this.#all >= this.#limits.largeBodies) {
      throw centralFaults.fault("rate-limited", "central takes in enough at the moment: try again in a while", {
        details: { retryAfterMs },
      });
    }
    this.#underWay.set(remote, own + 1);
    this.#all += 1;
    try {
      return await run();
    } finally {
      this.#all -= 1;
      const left = (this.#underWay.get(remote) ?? 1) - 1;
      if (left === 0) this.#underWay.delete(remote);
      else this.#underWay.set(remote, left);
    }
  }
}
