import { transportFaults } from "@piccolo/storage/ports";
import type { World } from "@piccolo/world";

const ticks = 4;

/**
 * Ends an exchange on which nothing moved for a while, a quarter more at most. Silence is counted in ticks, so that a
 * program that was itself held up (its loop blocked, the machine suspended) counts one tick and not the whole time.
 * Who gives memory away for what comes in sets a least rate, too: what trickles below it counts as silence.
 */
export class IdleWatch {
  readonly #expired = new AbortController();
  readonly #stopped = new AbortController();
  readonly #leastBytes: number;
  #silentTicks = 0;
  #movedBytes = 0;
  #paused = false;

  constructor(world: World, idleTimeoutMs: number, leastBytesPerSecond = 0) {
    this.#leastBytes = Math.ceil((leastBytesPerSecond * idleTimeoutMs) / 1000);
    void this.#run(world, idleTimeoutMs / ticks);
  }

  /** Aborted with a `peer-timeout` after the silence. */
  get signal(): AbortSignal {
    return this.#expired.signal;
  }

  /** Something moved. */
  touch(bytes: number): void {
    this.#movedBytes += bytes;
    if (this.#movedBytes < this.#leastBytes) return;
    this.#movedBytes = 0;
    this.#silentTicks = 0;
  }

  /** The other side is not expected to move: it waits for this one. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#movedBytes = 0;
    this.#silentTicks = 0;
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #run(world: World, tickMs: number): Promise<void> {
    // The tick something moved in counts, too, hence one more.
    while (this.#silentTicks <= ticks) {
      try {
        await world.sleep(tickMs, this.#stopped.signal);
      } catch {
        return;
      }
      if (!this.#paused) this.#silentTicks++;
    }
    this.#expired.abort(
      transportFaults.fault("peer-timeout", "too little moved between the devices for too long; ask again later"),
    );
  }
}
