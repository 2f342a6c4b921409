import { orAborted } from "@piccolo/storage/ports";

/** Bounds how many requests are under way to one device; the others wait their turn. */
export class RequestSlots {
  readonly #most: number;
  readonly #lanes = new Map<string, { taken: number; readonly waiting: (() => void)[] }>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Resolves with the way to give the slot back. */
  async take(device: string, signal: AbortSignal): Promise<() => void> {
    const lane = this.#lanes.get(device) ?? { taken: 0, waiting: [] };
    this.#lanes.set(device, lane);
    const giveBack = (): void => {
      const next = lane.waiting.shift();
      if (next !== undefined) next();
      else if (--lane.taken === 0) this.#lanes.delete(device);
    };
    if (lane.taken < this.#most) {
      lane.taken++;
      return giveBack;
    }
    const turn = Promise.withResolvers<void>();
    lane.waiting.push(turn.resolve);
    try {
      await orAborted(turn.promise, signal);
      return giveBack;
    } catch (error) {
      const at = lane.waiting.indexOf(turn.resolve);
      // The slot may have been handed over in the moment of the abort; then it goes to the next one.
      if (at < 0) giveBack();
      else lane.waiting.splice(at, 1);
      throw error;
    }
  }
}
