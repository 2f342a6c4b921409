import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { catalogue } from "@piccolo/fault";

export const stateFaults = catalogue({
  "state-in-use": {
    retry: "later",
    meaning: "Another piccolod works with this state folder; stop it, or give this one a folder of its own.",
  },
  "state-damaged": {
    retry: "never",
    meaning:
      "The disk fails, or a link, a folder or something far too large lies where the device keeps a file of its own; put the disk back as it was, or remove what lies there.",
  },
});

/** No file of a device is larger; what has a smaller bound says so when it reads. */
const fileBytesMax = 1024 * 1024;

/** The content of a file that somebody else may have put there, or undefined. Throws `state-damaged`, also for more than `bytesMax`. */
export function readPlainFile(path: string, bytesMax: number): Uint8Array<ArrayBuffer> | undefined {
  let file: number;
  try {
    // A pipe in the file's place would keep who opens it waiting for ever.
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    if (hasCode(error, "ELOOP") || hasCode(error, "ENXIO")) throw damaged(path);
    throw error;
  }
  return usingFile(file, path, () => {
    const facts = fstatSync(file);
    if (!facts.isFile() || facts.size > bytesMax) throw damaged(path);
    const content = new Uint8Array(facts.size);
    let at = 0;
    while (at < content.length) {
      const read = readSync(file, content, at, content.length - at, null);
      if (read === 0) throw damaged(path);
      at += read;
    }
    return content;
  });
}

/** Small files, each written as a whole. What is no such file (a link, a pipe, a folder) is refused and never followed. */
export class DurableFolder {
  readonly path: string;

  /** Creates the folder where it is missing, for the device's own account alone. */
  constructor(path: string) {
    this.path = path;
    mkdirSync(path, { recursive: true, mode: 0o700 });
    chmodSync(path, 0o700);
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** Throws `state-damaged`. */
  refuseLinkAt(name: string): void {
    refuseLink(this.file(name));
  }

  /** A folder in it. Throws `state-damaged`. */
  folder(name: string): DurableFolder {
    this.refuseLinkAt(name);
    return new DurableFolder(this.file(name));
  }

  /** A file's content, or undefined. Throws `state-damaged`, also for more than `bytesMax`. */
  read(name: string, bytesMax = fileBytesMax): Uint8Array<ArrayBuffer> | undefined {
    return readPlainFile(this.file(name), bytesMax);
  }

  /** Replaces the file as a whole: after a power cut it has the old content or the new one. */
  write(name: string, content: Uint8Array): void {
    writeDurably(this.file(name), content);
  }

  /** Removes the file, if it is there. */
  remove(name: string): void {
    rmSync(this.file(name), { force: true });
    fsyncFolder(this.path);
  }
}

/** The folder of all that a device keeps, used by one process at a time. */
export class StateFolder extends DurableFolder {
  readonly #lock: DatabaseSync;

  /** Throws `state-in-use`. */
  constructor(path: string) {
    super(path);
    this.#lock = lock(join(path, "lock"));
  }

  close(): void {
    this.#lock.close();
  }
}

/** SQLite's result code where another process has the lock. */
const sqliteBusy = 5;

/** The kernel lets go of SQLite's file lock when the process ends, however it ends: nothing stale is left behind. */
function lock(path: string): DatabaseSync {
  refuseLink(path);
  closeSync(openSync(path, "a", 0o600));
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    db.exec("PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (cause) {
    db.close();
    if (!(cause instanceof Error && "errcode" in cause && cause.errcode === sqliteBusy)) throw damaged(path);
    const message = `another piccolod runs with the state folder ${dirname(path)}; stop it first`;
    throw stateFaults.fault("state-in-use", message, { cause });
  }
  return db;
}

function refuseLink(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) throw damaged(path);
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

function damaged(path: string): Error {
  return stateFaults.fault("state-damaged", `${path} is not the file that the device wrote; look at what lies there`);
}

function writeDurably(path: string, content: Uint8Array): void {
  const folder = dirname(path);
  const next = join(folder, `.${basename(path)}.next`);
  rmSync(next, { force: true });
  const file = openSync(next, "wx", 0o600);
  usingFile(file, path, () => {
    let at = 0;
    while (at < content.length) at += writeSync(file, content, at);
    fsyncSync(file);
  });
  renameSync(next, path);
  fsyncFolder(folder);
}

function fsyncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  usingFile(handle, folder, () => fsyncSync(handle));
}

/** Closes the file in the end. What the system says of an open file lacks the path, which tells what it was that failed. */
function usingFile<Result>(file: number, path: string, use: () => Result): Result {
  try {
    return use();
  } catch (error) {
    if (error instanceof Error && "errno" in error && !("path" in error)) Object.assign(error, { path });
    throw error;
  } finally {
    closeSync(file);
  }
}
