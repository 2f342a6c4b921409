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
  /** Where the next bytes go without waiting in line. */
  #filling: Uint8Array | undefined;
  #ended = false;
  #broken: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(watch: IdleWatch, flow: Flow) {
    this.#watch = watch;
    this.#flow = flow;
  }

  /** Whether the chunk's bytes were copied, so that it is not needed any more. */
  push(chunk: Uint8Array): boolean {
    this.#watch.touch(chunk.length);
    const rest = this.#pour(chunk);
    if (rest.length === 0) return true;
    this.#chunks.push(rest);
    this.#waitingBytes += rest.length;
    if (this.#waitingBytes >= highWaterBytes) this.#flow.pause();
    this.#wake?.();
    return false;
  }

  /** Copies what fits to where bytes are waited for; gives back what is left. */
  #pour(chunk: Uint8Array): Uint8Array {
    const filling = this.#filling;
    if (filling === undefined) return chunk;
    const taken = chunk.length <= filling.length ? chunk : chunk.subarray(0, filling.length);
    filling.set(taken);
    this.#filling = taken.length < filling.length ? filling.subarray(taken.length) : undefined;
    if (this.#filling === undefined) this.#wake?.();
    return chunk.subarray(taken.length);
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

  async readInto(into: Uint8Array): Promise<number> {
    let at = 0;
    while (this.#chunks.length > 0 && at < into.length) {
      const chunk = this.#chunks.shift() ?? new Uint8Array(0);
      const taken = chunk.subarray(0, into.length - at);
      into.set(taken, at);
      at += taken.length;
      this.#waitingBytes -= taken.length;
      if (taken.length < chunk.length) this.#chunks.unshift(chunk.subarray(taken.length));
    }
    if (at === into.length) return at;
    this.#filling = into.subarray(at);
    this.#flow.resume();
    while (this.#filling !== undefined && this.#broken === undefined && !this.#ended) await this.#turn();
    const left = this.#filling?.length ?? 0;
    this.#filling = undefined;
    if (left > 0 && this.#broken !== undefined) throw unreachable("the connection to the device broke", this.#broken);
    return into.length - left;
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
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
      await this.#turn();
    }
  }
}
