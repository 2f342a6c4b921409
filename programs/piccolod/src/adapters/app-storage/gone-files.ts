import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, type Stats, statSync } from "node:fs";
import { lstat, open, readdir, rename, rm, rmdir, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { diskFullOf } from "../../room/disk-full.ts";
import type { Room } from "../../room/room.ts";
import { isThere, loopsOn } from "./image-file.ts";
import { syncPath } from "./sync-path.ts";

/** In pieces of this size a file goes where content has no more room than that. */
const usualPieceBytes = 16 * 1024 * 1024;

/**
 * Where large files go on their way out, in the file system they are in. A file is gone from its place in one step, whole,
 * also if power is cut; what it took comes back piece by piece, and the bound of content follows each piece: what a copy
 * shares counts less afterwards, and is not free. All at once, content could write as much into the device's reserve.
 */
export class GoneFiles {
  readonly #folder: string;
  readonly #room: Pick<Room, "freeBytes" | "keep">;
  readonly #pieceBytes: number;
  #emptying: Promise<void> = Promise.resolve();
  #waiting = 0;
  #stopping = new AbortController();

  constructor(folder: string, room: Pick<Room, "freeBytes" | "keep">, pieceBytes = usualPieceBytes) {
    this.#folder = folder;
    this.#room = room;
    this.#pieceBytes = pieceBytes;
  }

  /** Files and folders are away for good when it returns, and their room comes back by and by; what is not there is no error. */
  async remove(paths: readonly string[]): Promise<void> {
    const there = paths.filter(isThere);
    if (there.length === 0) return;
    const moved: string[] = [];
    for (const path of there) moved.push(await this.#moveAway(path));
    for (const folder of new Set(there.map((path) => dirname(path)))) await syncPath(folder);
    // Who waits for it is told; what fails is tried again at the next start.
    this.#inTurn(async () => moved).catch(() => undefined);
  }

  /**
   * Its new path, which leads nowhere where it is gone already: somebody else has moved it meanwhile, or there is no room for
   * another name.
   */
  async #moveAway(path: string): Promise<string> {
    const to = join(this.#folder, randomUUID());
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      await rename(path, to);
    } catch (error) {
      if (!isThere(path)) return to;
      if (diskFullOf(error) === undefined) throw error;
      await rm(path, { recursive: true, force: true });
      await this.#room.keep();
    }
    return to;
  }

  /** Removes what an earlier run left that was cut off; and makes the folder, for which there may be no room later. */
  async empty(): Promise<void> {
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    } catch (error) {
      if (diskFullOf(error) === undefined) throw error;
      return;
    }
    await this.#inTurn(async () => (await readdir(this.#folder)).map((name) => join(this.#folder, name)));
  }

  /** Resolves when the room of all that was removed before is free. Throws what the disk refused, once. */
  async freed(): Promise<void> {
    const emptying = this.#emptying;
    try {
      await emptying;
    } finally {
      if (this.#emptying === emptying) this.#emptying = Promise.resolve();
    }
  }

  /** Whether something is still on its way out. */
  get isEmptying(): boolean {
    return this.#waiting > 0;
  }

  /** Resolves when no piece is cut off any more. What is left goes with `empty`. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#emptying.catch(() => undefined);
    this.#stopping = new AbortController();
  }

  #inTurn(find: () => Promise<readonly string[]>): Promise<void> {
    this.#waiting++;
    const { signal } = this.#stopping;
    const next = this.#emptying
      .catch(() => undefined)
      .then(async () => {
        if (signal.aborted) return;
        const paths = (await find()).filter(isThere);
        for (const path of paths) await this.#removeOne(path, signal);
        if (paths.length > 0 && !signal.aborted) await this.#room.keep();
      })
      .finally(() => this.#waiting--);
    this.#emptying = next;
    return next;
  }

  async #removeOne(path: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return undefined;
    const stat = await lstat(path);
    if (stat.isDirectory()) {
      for (const name of await readdir(path)) await this.#removeOne(join(path, name), signal);
      return signal.aborted ? undefined : rmdir(path);
    }
    // Another name for it means that it stays, and who still reads it reads to its end.
    if (stat.isFile() && stat.nlink === 1 && !isInUse(path, stat)) await this.#giveBack(path, signal);
    return signal.aborted ? undefined : unlink(path);
  }

  async #giveBack(path: string, signal: AbortSignal): Promise<void> {
    const file = await open(path, "r+");
    try {
      let { size, blocks } = await file.stat();
      while (blocks > 0 && size > 0 && !signal.aborted) {
        size = Math.max(0, size - Math.max(this.#pieceBytes, this.#room.freeBytes()));
        await file.truncate(size);
        const { blocks: left } = await file.stat();
        if (left < blocks) await this.#room.keep();
        blocks = left;
      }
    } finally {
      await file.close();
    }
  }
}

/** Whether this process has it open, or a block device stands on it. */
function isInUse(path: string, { dev, ino }: Stats): boolean {
  const isOpen = readdirSync("/proc/self/fd").some((name) => {
    const open = statSync(`/proc/self/fd/${name}`, { throwIfNoEntry: false });
    return open?.dev === dev && open.ino === ino;
  });
  return isOpen || loopsOn(path).length > 0;
}
