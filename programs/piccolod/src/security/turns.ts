import { catalogue } from "@piccolo/fault";

export const turnsFaults = catalogue({
  stopping: { retry: "later", meaning: "The device is stopping; do it again when it is back." },
});

/** Runs what must not run at once one after the other, in the order in which it was asked for. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  /** Throws `stopping` where it is closed before the turn comes. */
  take<Result>(work: () => Promise<Result> | Result): Promise<Result> {
    const mine = this.#last.then(() => {
      if (this.#closed) throw turnsFaults.fault("stopping", "the device is stopping; do it again when it is back");
      return work();
    });
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  /** Resolves when the turn that runs is over; no other one begins. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
  }
}
