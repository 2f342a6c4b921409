import { unreachable } from "./faults.ts";
import type { IdleWatch } from "./idle-watch.ts";
import type { ChunkSource } from "./message-inlet.ts";

/** Read ahead of whoever pulls: enough to keep the channel busy. */
const highWaterBytes = 262_144;

/** How a channel is told to hold back, and to go on. Called again and again; both may be done already. */
export interface Flow {
  pause(): void;
  /** What the channel kept meanwhile may be pushed within the call. */
  resume(): void;
}

/** Turns a channel that pushes into one that is pulled, holding at most a little more than the high-water mark. */
export class ChunkQueue implements ChunkSource {
  readonly #watch: IdleWatch;
  readonly #flow: Flow;
  readonly #chunks: Uint8Array[] = [];
  #waitingBytes = 0;
  #ended = false;
  #broken: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(watch: IdleWatch, flow: Flow) {
    this.#watch = watch;
    this.#flow = flow;
  }

  push(chunk: Uint8Array): void {
    this.#watch.touch(chunk.length);
    this.#chunks.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#waitingBytes >= highWaterBytes) this.#flow.pause();
    this.#wake?.();
  }

  /** The sender has closed its direction in order; what comes after that does not matter. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** The channel broke, or nobody shall wait for it any more. */
  fail(reason: Error): void {
    if (!this.#ended) this.#broken ??= reason;
    this.#wake?.();
  }

  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#chunks.length === 0) this.#flow.resume();
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#waitingBytes -= chunk.length;
        return chunk;
      }
      if (this.#broken !== undefined) throw unreachable("the connection to the device broke", this.#broken);
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
