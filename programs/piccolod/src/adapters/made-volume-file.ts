/** Which volume was made in this start of the machine, for a daemon that is started again in it; gone with the start. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { toHex } from "@piccolo/bytes";
import type { MadeVolume } from "../security/boot.ts";

export class MadeVolumeFile implements MadeVolume {
  readonly #path: string;

  /** In memory, where nobody who had the disk before can have put anything. */
  constructor(path: string) {
    this.#path = path;
  }

  is(identity: Uint8Array): boolean {
    try {
      return readFileSync(this.#path, "utf8") === toHex(identity);
    } catch {
      // Without it the volume gives way to a new one.
      return false;
    }
  }

  keep(identity: Uint8Array): void {
    this.#try(() => {
      mkdirSync(dirname(this.#path), { recursive: true });
      writeFileSync(this.#path, toHex(identity), { mode: 0o600 });
    });
  }

  forget(): void {
    this.#try(() => rmSync(this.#path, { force: true }));
  }

  #try(work: () => void): void {
    try {
      work();
    } catch {
      // The same.
    }
  }
}
