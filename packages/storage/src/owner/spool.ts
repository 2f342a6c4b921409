import { fromHex, toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import type { Disk } from "../ports/index.ts";
import { engineFaults } from "./faults.ts";

const folder = "spool";

/** Ciphertext of pending segments, until enough holders take it. Bounded; a file per segment, written once. */
export class Spool {
  readonly #disk: Disk;
  readonly #limitBytes: number;
  #sizes = new Map<string, number>();
  #usedBytes = 0;
  #writingBytes = 0;

  constructor(disk: Disk, limitBytes: number) {
    this.#disk = disk;
    this.#limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get limitBytes(): number {
    return this.#limitBytes;
  }

  /** Reads what is there, and removes what `isWanted` does not know: left by a crash before or after its commit. */
  async open(isWanted: (segmentId: Uint8Array) => boolean): Promise<void> {
    await this.#disk.makeFolder(folder);
    const sizes = new Map<string, number>();
    for (const name of await this.#disk.list(folder)) {
      if (/^[0-9a-f]{32}$/.test(name) && isWanted(fromHex(name))) {
        sizes.set(name, await this.#disk.sizeBytes(`${folder}/${name}`));
      } else {
        await this.#disk.remove(`${folder}/${name}`);
      }
    }
    this.#sizes = sizes;
    this.#usedBytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  }

  /** Durable when it resolves. Throws `too-few-holders` when the spool or the disk is full, `disk-error`. */
  async put(segmentId: Uint8Array, sealed: Uint8Array): Promise<void> {
    // Counted before the write, so that two at once cannot both take the last room.
    if (this.#usedBytes + sealed.length > this.#limitBytes) throw this.#full();
    this.#usedBytes += sealed.length;
    const name = toHex(segmentId);
    try {
      this.#writingBytes += sealed.length;
      // What is being written at the same time counts as if nothing of it were on the disk yet.
      if ((await this.#disk.freeBytes()) < this.#writingBytes) throw this.#full();
      await this.#disk.createFile(`${folder}/${name}`, [sealed]);
      await this.#disk.syncFolder(folder);
    } catch (error) {
      this.#usedBytes -= sealed.length;
      await this.#disk.remove(`${folder}/${name}`).catch(() => undefined);
      // To whoever uploads, a full disk and a full spool are the same.
      if (isFault(error, "disk-full")) throw this.#full(error);
      throw error;
    } finally {
      this.#writingBytes -= sealed.length;
    }
    this.#sizes.set(name, sealed.length);
  }

  /** The sealed bytes [start, end) of a pending segment. Throws `spool-damaged` when its file is gone or short. */
  async read(segmentId: Uint8Array, start: number, end: number): Promise<Uint8Array> {
    try {
      return await this.#disk.read(`${folder}/${toHex(segmentId)}`, start, end - start);
    } catch (cause) {
      if (!isFault(cause)) throw cause;
      throw engineFaults.fault(
        "spool-damaged",
        "content that lay only on this device cannot be read from its disk; upload the file again",
        { cause },
      );
    }
  }

  async remove(segmentId: Uint8Array): Promise<void> {
    const name = toHex(segmentId);
    // Most segments never were here; opening has removed what a crash left.
    if (!this.#sizes.has(name)) return;
    await this.#disk.remove(`${folder}/${name}`);
    this.#usedBytes -= this.#sizes.get(name) ?? 0;
    this.#sizes.delete(name);
  }

  #full(cause?: unknown): Error {
    return engineFaults.fault(
      "too-few-holders",
      "too few members are online to store this, and the room for waiting content on this device is used up; try again when more devices are online",
      {
        details: { usedBytes: this.#usedBytes, limitBytes: this.#limitBytes },
        ...(cause === undefined ? {} : { cause }),
      },
    );
  }
}
