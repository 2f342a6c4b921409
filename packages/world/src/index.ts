/**
 * Ports for what a program cannot compute: time, timers and randomness. Packages take a `World`; the real one lives in
 * `real.ts` (the one file of the packages that may touch the machine), the seeded one makes a run repeatable.
 */
export { SeededWorld } from "./seeded.ts";

export interface World {
  /** Wall clock: milliseconds since the Unix epoch. It may jump. */
  nowMs(): number;
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Fresh bytes from a generator fit for keys (in the real world). */
  randomBytes(length: number): Uint8Array<ArrayBuffer>;
}
