import { diskFaults } from "@piccolo/storage/ports";
import { reserveOf, type Room } from "../src/room/room.ts";

/** A volume of which only sizes are known. */
export class MemoryRoom implements Room {
  readonly keptBy = "asking";
  readonly totalBytes: number;
  readonly #sizes = new Map<string, number>();

  constructor(totalBytes: number) {
    this.totalBytes = totalBytes;
  }

  get allFreeBytes(): number {
    return this.totalBytes - [...this.#sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Throws `disk-full` where nothing at all is left. */
  put(path: string, bytes: number): void {
    if (bytes > this.allFreeBytes + (this.#sizes.get(path) ?? 0)) throw diskFaults.fault("disk-full", "no room");
    this.#sizes.set(path, bytes);
  }

  drop(path: string): void {
    this.#sizes.delete(path);
  }

  freeBytes(): number {
    return Math.max(0, this.allFreeBytes - reserveOf(this.totalBytes));
  }

  async keep(): Promise<void> {
    // There is no bound to bring in line.
  }
}
