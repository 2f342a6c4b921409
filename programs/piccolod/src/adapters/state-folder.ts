import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
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
});

/** Small files, each written as a whole. */
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

  /** A file's content, or undefined. */
  read(name: string): Uint8Array | undefined {
    try {
      return readFileSync(this.file(name));
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    }
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

/** The kernel lets go of SQLite's file lock when the process ends, however it ends: nothing stale is left behind. */
function lock(path: string): DatabaseSync {
  closeSync(openSync(path, "a", 0o600));
  const db = new DatabaseSync(path, { timeout: 0 });
  try {
    db.exec("PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (cause) {
    db.close();
    const message = `another piccolod runs with the state folder ${dirname(path)}; stop it first`;
    throw stateFaults.fault("state-in-use", message, { cause });
  }
  return db;
}

function writeDurably(path: string, content: Uint8Array): void {
  const folder = dirname(path);
  const next = join(folder, `.${basename(path)}.next`);
  rmSync(next, { force: true });
  const file = openSync(next, "wx", 0o600);
  try {
    let at = 0;
    while (at < content.length) at += writeSync(file, content, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(next, path);
  fsyncFolder(folder);
}

function fsyncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
