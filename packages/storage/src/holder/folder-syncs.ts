import type { Disk } from "../ports/index.ts";

/** Groups fsyncs of a folder: whoever asks while one runs shares the next one with everybody else who does. */
export class FolderSyncs {
  readonly #disk: Disk;
  readonly #running = new Map<string, Promise<void>>();
  readonly #next = new Map<string, Promise<void>>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Resolves once an fsync that began after this call has ended. */
  sync(folder: string): Promise<void> {
    const waiting = this.#next.get(folder);
    if (waiting !== undefined) return waiting;
    const running = this.#running.get(folder);
    if (running === undefined) return this.#start(folder);
    const next = running
      .catch(() => undefined)
      .then(() => {
        this.#next.delete(folder);
        return this.#start(folder);
      });
    this.#next.set(folder, next);
    return next;
  }

  #start(folder: string): Promise<void> {
    const sync = this.#disk.syncFolder(folder);
    this.#running.set(folder, sync);
    const ended = (): void => {
      if (this.#running.get(folder) === sync) this.#running.delete(folder);
    };
    sync.then(ended, ended);
    return sync;
  }
}
