/** What is fetched for a change may take hours: what serves meanwhile is looked after, and the transfer broken off for that. */
import type { World } from "@piccolo/world";
import type { Plan, Step } from "./plan-types.ts";

/** One that was broken off has so long for itself before it may be again, and twice as long each time. */
export const firstRespiteMs = 30_000;
const longestRespiteMs = 3_600_000;

export function isTransfer({ do: what }: Step): boolean {
  return what === "pull" || what === "fetch-backup";
}

/** Whether something has to be done for the running generation before the transfer goes on; tidying up is no such thing. */
export function isBeforeTransfer({ steps }: Plan): boolean {
  const at = steps.findIndex(isTransfer);
  return steps.slice(0, Math.max(0, at)).some((step) => "generation" in step || step.do === "route");
}

export interface TransferWatchOptions {
  readonly world: World;
  /** Whether it is to be broken off, as far as is seen now. */
  readonly isInTheWay: () => Promise<boolean>;
}

const brokenOff = new Error("what runs is looked after first");

export class TransferWatch {
  readonly #options: TransferWatchOptions;
  #transfer: AbortController | undefined;
  #looking: Promise<void> | undefined;
  #isDue = false;
  /** An app that ends again and again would otherwise never get the version that mends it. */
  #respiteMs = 0;
  /** When the first transfer began since one was broken off. */
  #sinceMs: number | undefined;
  /** The change whose transfers these are. */
  #change: number | undefined;

  constructor(options: TransferWatchOptions) {
    this.#options = options;
  }

  /** Something may have happened to what runs. Without a transfer that is nothing to this. */
  look(): void {
    const transfer = this.#transfer;
    if (transfer === undefined || transfer.signal.aborted) return;
    if (this.#options.world.monotonicMs() - (this.#sinceMs ?? 0) < this.#respiteMs) return;
    this.#isDue = true;
    this.#looking ??= this.#look(transfer).finally(() => {
      this.#looking = undefined;
    });
  }

  /** What happens while it is being looked at may not have been seen, and is looked at again. */
  async #look(transfer: AbortController): Promise<void> {
    try {
      while (this.#isDue && this.#transfer === transfer) {
        this.#isDue = false;
        if (!(await this.#options.isInTheWay()) || this.#transfer !== transfer) continue;
        this.#respiteMs = Math.min(Math.max(firstRespiteMs, this.#respiteMs * 2), longestRespiteMs);
        this.#sinceMs = undefined;
        transfer.abort(brokenOff);
        return;
      }
    } catch (error) {
      transfer.abort(error);
    }
  }

  /** Whether it went through; false where it was broken off. `change`: whose it is, by when that began. */
  async run(change: number, transfer: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
    if (change !== this.#change) [this.#respiteMs, this.#sinceMs] = [0, undefined];
    this.#change = change;
    this.#sinceMs ??= this.#options.world.monotonicMs();
    const own = new AbortController();
    this.#transfer = own;
    try {
      await transfer(own.signal);
      return true;
    } catch (error) {
      if (own.signal.reason === brokenOff) return false;
      throw error;
    } finally {
      this.#transfer = undefined;
      await this.#looking;
    }
  }
}
