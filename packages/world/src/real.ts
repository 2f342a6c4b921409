import { randomFillSync } from "node:crypto";
import type { World } from "./index.ts";

/** The machine's own clock, timers and random generator. */
export const realWorld: World = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  // The timers of node:timers/promises make an AbortError around the reason, with a stack of its own, for each sleep.
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      }, ms);
      signal?.addEventListener("abort", onAbort, { once: true });
    }),
  randomBytes: (length) => randomFillSync(new Uint8Array(length)),
};
