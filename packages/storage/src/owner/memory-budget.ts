import assert from "node:assert/strict";

export interface Lease {
  readonly buffer: Uint8Array<ArrayBuffer>;
  /** Gives the memory back; harmless when called again. */
  release(): void;
}

interface Waiter {
  readonly sizeBytes: number;
  readonly grant: () => void;
}

/**
 * The memory that segments under way may take, all uploads and background work together. Whoever finds it used up
 * waits in line, which is the engine's back-pressure. Freed buffers of equal size are used again, since allocating
 * and clearing megabytes costs more than filling them.
 */
export class MemoryBudget {
  readonly #limitBytes: number;
  readonly #waiting: Waiter[] = [];
  #usedBytes = 0;
  #idle: Uint8Array<ArrayBuffer>[] = [];

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Somebody waits, so who holds memory without need should let go of it. */
  get contended(): boolean {
    return this.#waiting.length > 0;
  }

  /** A single lease over the limit is granted when nothing else is out: no size waits for ever. */
  async take(sizeBytes: number, signal: AbortSignal): Promise<Lease> {
    assert.ok(sizeBytes > 0);
    signal.throwIfAborted();
    if (this.#waiting.length > 0 || !this.#fits(sizeBytes)) await this.#wait(sizeBytes, signal);
    else this.#usedBytes += sizeBytes;
    const buffer = this.#allocate(sizeBytes);
    let released = false;
    return {
      buffer,
      release: () => {
        if (released) return;
        released = true;
        this.#usedBytes -= sizeBytes;
        this.#idle.push(buffer);
        this.#trim();
        this.#grantNext();
      },
    };
  }

  /** Counts the bytes without providing them; undefined when that would mean waiting. */
  tryReserve(sizeBytes: number): (() => void) | undefined {
    if (this.#waiting.length > 0 || !this.#fits(sizeBytes)) return undefined;
    this.#usedBytes += sizeBytes;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#usedBytes -= sizeBytes;
      this.#grantNext();
    };
  }

  #fits(sizeBytes: number): boolean {
    return this.#usedBytes === 0 || this.#usedBytes + sizeBytes <= this.#limitBytes;
  }

  #wait(sizeBytes: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        sizeBytes,
        grant: () => {
          signal.removeEventListener("abort", onAbort);
          this.#usedBytes += sizeBytes;
          resolve();
        },
      };
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal.reason as Error);
        this.#grantNext();
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.push(waiter);
    });
  }

  #grantNext(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.sizeBytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      next.grant();
    }
  }

  #allocate(sizeBytes: number): Uint8Array<ArrayBuffer> {
    const at = this.#idle.findIndex(({ length }) => length === sizeBytes);
    const [idle] = at < 0 ? [] : this.#idle.splice(at, 1);
    this.#trim();
    return idle ?? new Uint8Array(sizeBytes);
  }

  /** Buffers kept for use again count against the limit like those in use. */
  #trim(): void {
    let idleBytes = this.#idle.reduce((sum, { length }) => sum + length, 0);
    while (this.#idle.length > 0 && (this.#idle.length > 8 || this.#usedBytes + idleBytes > this.#limitBytes)) {
      idleBytes -= this.#idle.shift()?.length ?? 0;
    }
  }

  /** Lets go of what is kept for use again, e.g. when the device has been idle for a while. */
  drop(): void {
    this.#idle = [];
  }
}
