import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { diskFaults } from "@piccolo/storage/ports";
import { appStorageFaults } from "../../apps/runtime/app-storage.ts";
import type { SnapshotFiles, SnapshotReader, SnapshotWriter } from "../../apps/runtime/snapshot-files.ts";
import { syncPath } from "./sync-path.ts";
import { type UsedParts, usedParts } from "./used-parts.ts";
import { fileOf } from "./volume-files.ts";

const partialMark = ".partial";

/** The copies `SealedAppStorage` makes in its folder `snapshots`, byte by byte. */
export class FolderSnapshotFiles implements SnapshotFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async open(id: string, volume: string): Promise<SnapshotReader> {
    const path = join(this.#folder, id, fileOf(volume));
    if (!existsSync(path))
      throw appStorageFaults.fault("app-storage-failed", "there is no such copy of the app's data");
    const used = await usedParts(path);
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      return new FileReader(file, size, used);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async openPartial(id: string, volume: string, sizeBytes: number): Promise<SnapshotWriter> {
    const folder = join(this.#folder, `${id}${partialMark}`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, fileOf(volume));
    const file = await open(path, existsSync(path) ? "r+" : "wx+", 0o600);
    try {
      await file.truncate(sizeBytes);
      return new FileWriter(file);
    } catch (error) {
      await file.close();
      throw asDiskFull(error);
    }
  }

  async complete(id: string, volumes: readonly string[]): Promise<void> {
    const [whole, partial] = [join(this.#folder, id), join(this.#folder, `${id}${partialMark}`)];
    if (existsSync(whole)) return;
    const wanted = new Set(volumes.map(fileOf));
    const there = existsSync(partial) ? readdirSync(partial) : [];
    for (const name of there) if (!wanted.has(name)) await rm(join(partial, name), { recursive: true });
    if (there.filter((name) => wanted.has(name)).length < wanted.size) {
      throw appStorageFaults.fault("app-storage-failed", "a part of the copy of the app's data is missing");
    }
    await syncPath(partial);
    renameSync(partial, whole);
    await syncPath(dirname(whole));
  }
}

class FileReader implements SnapshotReader {
  readonly sizeBytes: number;
  readonly #file: FileHandle;
  readonly #used: UsedParts | undefined;

  constructor(file: FileHandle, sizeBytes: number, used: UsedParts | undefined) {
    this.#file = file;
    this.sizeBytes = sizeBytes;
    this.#used = used;
  }

  isUnused(at: number, length: number): boolean {
    return this.#used?.isUnused(at, length) === true;
  }

  async read(at: number, length: number): Promise<Uint8Array | undefined> {
    return this.isUnused(at, length) ? undefined : readFully(this.#file, at, length);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

class FileWriter implements SnapshotWriter {
  readonly #file: FileHandle;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  read(at: number, length: number): Promise<Uint8Array> {
    return readFully(this.#file, at, length);
  }

  async write(at: number, bytes: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) {
        done += (await this.#file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
      }
    } catch (error) {
      throw asDiskFull(error);
    }
  }

  async close(): Promise<void> {
    try {
      await this.#file.sync();
    } catch (error) {
      throw asDiskFull(error);
    } finally {
      await this.#file.close();
    }
  }
}

async function readFully(file: FileHandle, at: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(bytes, done, length - done, at + done);
    if (bytesRead === 0) throw appStorageFaults.fault("app-storage-failed", "the copy of the app's data ends early");
    done += bytesRead;
  }
  return bytes;
}

function asDiskFull(error: unknown): unknown {
  const isFull = error instanceof Error && "code" in error && error.code === "ENOSPC";
  return isFull ? diskFaults.fault("disk-full", "the disk is full; free some room, then do it again") : error;
}
