/** After a recovery in which too few witnesses answered: what was found is read, and nothing is changed or freed. */
import { isLater } from "@piccolo/storage/log";
import { type RecoveryOptions } from "@piccolo/storage/metadata-log";
import type { OwnLog } from "@piccolo/storage/ports";
import { isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import { findHead, restoreContent } from "./restore-metadata.ts";
import type { StalenessStore } from "./staleness.ts";
import { recoveryFaults, type Staleness } from "./types.ts";

const firstPauseMs = 2_000;
const longestPauseMs = 30_000;

export interface SettlingOptions {
  readonly store: StalenessStore;
  readonly ownLog: OwnLog;
  /** How the members are asked now; undefined while that is not known. */
  readonly reading: () => RecoveryOptions | undefined;
  readonly world: World;
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
  readonly changed: () => void;
}

/** Asks the witnesses on until enough have answered, or the owner accepts what there is. */
export class Settling {
  readonly #options: SettlingOptions;
  #staleness: Staleness | undefined;
  #accepted = false;
  #settled = Promise.withResolvers<undefined>();

  constructor(options: SettlingOptions) {
    this.#options = options;
    this.#staleness = options.store.read();
  }

  get staleness(): Staleness | undefined {
    return this.#staleness;
  }

  /** Whether fewer than a quorum are enough, since the owner said so in this run of the device. */
  get accepted(): boolean {
    return this.#accepted;
  }

  /** What a recovery found out; undefined = enough have answered. Durable when it returns. */
  begin(staleness: Staleness | undefined): void {
    this.#options.store.write(staleness);
    this.#staleness = staleness;
  }

  /** Nothing that may have been changed later is waited for any more. Throws `nothing-to-accept`. */
  accept(): void {
    if (this.#staleness === undefined) {
      throw recoveryFaults.fault("nothing-to-accept", "nothing that was recovered waits to be accepted");
    }
    this.#accepted = true;
    this.#settle();
  }

  #settle(): void {
    this.#options.store.write(undefined);
    this.#staleness = undefined;
    this.#settled.resolve(undefined);
    this.#options.changed();
  }

  /** Resolves once it is settled, at once where it is; rejects with the signal's reason. */
  async run(signal: AbortSignal): Promise<void> {
    const { world, report } = this.#options;
    let pauseMs = firstPauseMs;
    while (this.#staleness !== undefined) {
      signal.throwIfAborted();
      try {
        await this.#round(signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!isFault(error)) throw error;
        report("recovery-not-settled", { code: error.code });
      }
      if (this.staleness === undefined) return;
      const over = new AbortController();
      const late = world.sleep(pauseMs, AbortSignal.any([signal, over.signal])).catch(() => undefined);
      await Promise.race([late, this.#settled.promise]);
      over.abort();
      pauseMs = Math.min(longestPauseMs, pauseMs * 1.5);
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { reading, ownLog, store, changed } = this.#options;
    const options = reading();
    if (options === undefined) return;
    const { decision, stale } = await findHead(options, 0, signal);
    if (this.#staleness === undefined) return;
    const { sequence, deviceEpoch, hash } = ownLog.position();
    const best = decision.candidates[0]?.newest;
    const isNews =
      best !== undefined &&
      isLater(best.head, { ...best.head, sequence, deviceEpoch }) &&
      !best.hash.every((byte, at) => byte === hash[at]);
    if (isNews) await restoreContent(options, ownLog, decision, signal);
    if (stale === undefined) {
      this.#settle();
      return;
    }
    if (isNews || stale.answered > this.#staleness.answered) {
      this.#staleness = stale;
      store.write(stale);
      changed();
    }
  }
}
