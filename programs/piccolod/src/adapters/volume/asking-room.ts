import { statfsSync } from "node:fs";
import { reserveOf, type Room } from "../../room/room.ts";

/**
 * Where the volume is a folder of some other file system, which cannot bound folders: the device looks how much is free
 * before it writes content. What others write there meanwhile it cannot help.
 */
export class AskingRoom implements Room {
  readonly keptBy = "asking";
  readonly #path: string;

  /** Of the folder of all that lies on the volume. */
  constructor(path: string) {
    this.#path = path;
  }

  freeBytes(): number {
    const { blocks, bavail, bsize } = statfsSync(this.#path);
    return Math.max(0, bavail * bsize - reserveOf(blocks * bsize));
  }

  async keep(): Promise<void> {
    // There is no bound to bring in line.
  }
}
