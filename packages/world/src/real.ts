import { randomFillSync } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { World } from "./index.ts";

/** The machine's own clock, timers and random generator. */
export const realWorld: World = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      // Timers wrap the reason in an AbortError; callers are promised the reason itself.
      throw signal?.aborted === true ? signal.reason : error;
    }
  },
  randomBytes: (length) => randomFillSync(new Uint8Array(length)),
};
