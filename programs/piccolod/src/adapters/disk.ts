import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, stat, statfs, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Disk, diskFaults } from "@piccolo/storage/ports";

/** Linux takes at most so many pieces in one call. */
const piecesAtOnce = 1_024;

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function faultOf(path: string, cause: unknown): Error {
  if (diskFaults.owns(cause)) return cause;
  switch (codeOf(cause)) {
    case "ENOENT":
      return diskFaults.fault("not-found", `${path} is not on the disk`, { cause });
    case "ENOSPC":
    case "EDQUOT":
    case "EFBIG":
      return diskFaults.fault("disk-full", "the disk is full; free some room, then do it again", { cause });
    default:
      return diskFaults.fault("disk-error", `the disk refuses ${path} (${codeOf(cause)}); check the disk`, { cause });
  }
}

async function attempt<T>(path: string, access: () => Promise<T>): Promise<T> {
  try {
    return await access();
  } catch (error) {
    throw faultOf(path, error);
  }
}

/** Writes all pieces; a single call may take fewer bytes than it is given. */
async function writeAll(file: FileHandle, content: readonly Uint8Array[]): Promise<void> {
  let pieces = content.filter(({ length }) => length > 0);
  while (pieces.length > 0) {
    const { bytesWritten } = await file.writev(pieces.slice(0, piecesAtOnce));
    let done = bytesWritten;
    let at = 0;
    for (let piece = pieces[at]; piece !== undefined && done >= piece.length; piece = pieces[at]) {
      done -= piece.length;
      at++;
    }
    pieces = pieces.slice(at);
    const [first, ...rest] = pieces;
    if (done > 0 && first !== undefined) pieces = [first.subarray(done), ...rest];
  }
}

async function syncDirectory(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** A folder of the machine's file system. Files are readable by the device's own account alone. */
export class FolderDisk implements Disk {
  readonly #root: string;
  readonly #room: (() => number) | undefined;

  /** `root` must exist; `room` tells what may be written there where that is less than what is free. */
  constructor(root: string, room?: () => number) {
    this.#root = root;
    this.#room = room;
  }

  createFile(path: string, content: readonly Uint8Array[]): Promise<void> {
    return attempt(path, async () => {
      const file = await open(this.#path(path), "w", 0o600);
      try {
        await writeAll(file, content);
        await file.datasync();
      } finally {
        await file.close();
      }
    });
  }

  read(path: string, offset: number, length: number): Promise<Uint8Array> {
    return attempt(path, async () => {
      const file = await open(this.#path(path), "r");
      try {
        // Every byte of it is read over; clearing the memory first would cost as much as reading.
        const bytes = Buffer.allocUnsafeSlow(length);
        let at = 0;
        while (at < length) {
          const { bytesRead } = await file.read(bytes, at, length - at, offset + at);
          if (bytesRead === 0) throw diskFaults.fault("disk-error", `${path} ends after ${offset + at} bytes`);
          at += bytesRead;
        }
        return bytes;
      } finally {
        await file.close();
      }
    });
  }

  sizeBytes(path: string): Promise<number> {
    return attempt(path, async () => (await stat(this.#path(path))).size);
  }

  rename(from: string, to: string): Promise<void> {
    return attempt(from, () => rename(this.#path(from), this.#path(to)));
  }

  remove(path: string): Promise<void> {
    return attempt(path, async () => {
      try {
        await unlink(this.#path(path));
      } catch (error) {
        if (codeOf(error) !== "ENOENT") throw error;
      }
    });
  }

  makeFolder(path: string): Promise<void> {
    return attempt(path, async () => {
      const full = this.#path(path);
      const firstMade = await mkdir(full, { recursive: true, mode: 0o700 });
      if (firstMade === undefined) return;
      // Each new folder's name lies in its parent, up to the one that was there before.
      for (let folder = full; ; folder = dirname(folder)) {
        await syncDirectory(dirname(folder));
        if (folder === firstMade) return;
      }
    });
  }

  list(path: string): Promise<readonly string[]> {
    return attempt(path, async () => {
      try {
        return await readdir(this.#path(path));
      } catch (error) {
        if (codeOf(error) === "ENOENT") return [];
        throw error;
      }
    });
  }

  syncFolder(path: string): Promise<void> {
    return attempt(path, () => syncDirectory(this.#path(path)));
  }

  freeBytes(): Promise<number> {
    return attempt("", async () => {
      if (this.#room !== undefined) return this.#room();
      const { bavail, bsize } = await statfs(this.#root);
      return bavail * bsize;
    });
  }

  #path(path: string): string {
    return join(this.#root, path);
  }
}
