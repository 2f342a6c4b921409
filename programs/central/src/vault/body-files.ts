import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { toHex } from "@piccolo/bytes";
import { centralFaults } from "@piccolo/central-api";
import type { World } from "@piccolo/world";

const fullCodes: readonly unknown[] = ["ENOSPC", "EDQUOT"];
const isFull = (error: unknown): boolean => error instanceof Error && "code" in error && fullCodes.includes(error.code);

/**
 * Bodies too large for a row, a file each under a random name. A file is whole and on the disk before a row names it;
 * what no row names is the rest of a crash and goes at the next start.
 */
export class BodyFiles {
  readonly #folder: string;
  readonly #world: World;

  constructor(folder: string, world: World) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#folder = folder;
    this.#world = world;
  }

  #path(name: string): string {
    return join(this.#folder, name.slice(0, 2), name);
  }

  /** Returns the name. Throws `quota-reached` where the disk is full. */
  write(bytes: Uint8Array): string {
    const name = toHex(this.#world.randomBytes(16));
    const folder = join(this.#folder, name.slice(0, 2));
    const isNew = mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined;
    const path = this.#path(name);
    try {
      this.#writeNext(`${path}.next`, bytes);
      renameSync(`${path}.next`, path);
    } catch (error) {
      rmSync(`${path}.next`, { force: true });
      if (!isFull(error)) throw error;
      throw centralFaults.fault("quota-reached", "central's disk is full: its operator has to make room", {
        details: { what: "disk" },
      });
    }
    this.#syncFolder(folder);
    if (isNew) this.#syncFolder(this.#folder);
    return name;
  }

  #writeNext(path: string, bytes: Uint8Array): void {
    const file = openSync(path, "wx", 0o600);
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  #syncFolder(folder: string): void {
    const handle = openSync(folder, "r");
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  }

  read(name: string): Uint8Array {
    return new Uint8Array(readFileSync(this.#path(name)));
  }

  /** Harmless when it is gone. */
  remove(name: string): void {
    rmSync(this.#path(name), { force: true });
  }

  /** Removes every file that `isNamed` does not know. */
  sweep(isNamed: (name: string) => boolean): void {
    for (const part of readdirSync(this.#folder)) {
      for (const name of readdirSync(join(this.#folder, part))) {
        if (!isNamed(name)) rmSync(join(this.#folder, part, name), { force: true });
      }
    }
  }
}
