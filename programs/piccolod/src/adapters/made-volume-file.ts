/** Which volume was made in this start of the machine, for a daemon that is started again in it. */
import { toHex } from "@piccolo/bytes";
import type { MadeVolume } from "../security/boot.ts";
import { StartFile } from "./start-file.ts";

export class MadeVolumeFile implements MadeVolume {
  readonly #file: StartFile;

  constructor(path: string) {
    this.#file = new StartFile(path);
  }

  /** Without the file the volume gives way to a new one. */
  is(identity: Uint8Array): boolean {
    return this.#file.read() === toHex(identity);
  }

  keep(identity: Uint8Array): void {
    this.#file.write(toHex(identity));
  }

  forget(): void {
    this.#file.forget();
  }
}
