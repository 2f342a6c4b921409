/** A disk that fails: calls for what lies below a path throw what the system throws where a disk or its file system is broken. */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import type { TestContext } from "node:test";

export type DiskCall = "open" | "read" | "write" | "fsync" | "mkdir";

export interface DiskFailure {
  readonly call: DiskCall;
  /** Of the file or folder, or of one above it. */
  readonly below: string;
  /** As Linux numbers it; Node has no name for some of them. */
  readonly code: "EIO" | "ENOSPC" | "EUCLEAN";
}

const numbers = { EIO: 5, ENOSPC: 28, EUCLEAN: 117 } as const;

export class FailingDisk {
  /** Undefined = all is well. */
  failure: DiskFailure | undefined;
  /** How often a call failed. */
  failed = 0;
  readonly #paths = new Map<number, string>();

  /** For the rest of the test, for all of the process. */
  constructor(context: TestContext) {
    const { openSync, readSync, writeSync, fsyncSync, mkdirSync } = fs;
    context.after(() => {
      Object.assign(fs, { openSync, readSync, writeSync, fsyncSync, mkdirSync });
      syncBuiltinESMExports();
    });
    Object.assign(fs, {
      openSync: (path: string, ...rest: [fs.OpenMode, fs.Mode?]) => {
        this.#fail("open", path, path);
        const file = openSync(path, ...rest);
        this.#paths.set(file, path);
        return file;
      },
      mkdirSync: (path: string, ...rest: []) => {
        this.#fail("mkdir", path, path);
        return mkdirSync(path, ...rest);
      },
      readSync: this.#watched("read", readSync),
      writeSync: this.#watched("write", writeSync),
      fsyncSync: this.#watched("fsync", fsyncSync),
    });
    syncBuiltinESMExports();
  }

  #watched<Rest extends unknown[], Result>(
    call: DiskCall,
    original: (file: number, ...rest: Rest) => Result,
  ): (file: number, ...rest: Rest) => Result {
    return (file, ...rest) => {
      this.#fail(call, this.#paths.get(file), undefined);
      return original(file, ...rest);
    };
  }

  /** The system names the path only in what is asked by a path. */
  #fail(call: DiskCall, at: string | undefined, path: string | undefined): void {
    const { failure } = this;
    if (failure?.call !== call || at === undefined) return;
    if (at !== failure.below && !at.startsWith(`${failure.below}/`)) return;
    this.failed++;
    const errno = -numbers[failure.code];
    const code = failure.code === "EUCLEAN" ? `Unknown system error ${errno}` : failure.code;
    const facts = { errno, code, syscall: call, ...(path === undefined ? {} : { path }) };
    throw Object.assign(new Error(`${code}: the disk fails, ${call}`), facts);
  }
}
