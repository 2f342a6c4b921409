import { basename, dirname } from "node:path";
import { DurableFolder } from "../adapters/state-folder.ts";

/** Who installs the system asks for a volume; that one is missing never does. */
export interface FirstBoot {
  isAsked(): boolean;
  /** Durable when it returns, as is `done`. */
  ask(): void;
  done(): void;
}

/** A file that the installer puts beside the record outside. */
export class FirstBootFile implements FirstBoot {
  readonly #folder: DurableFolder;
  readonly #name: string;

  constructor(path: string) {
    this.#folder = new DurableFolder(dirname(path));
    this.#name = basename(path);
  }

  isAsked(): boolean {
    return this.#folder.read(this.#name) !== undefined;
  }

  ask(): void {
    this.#folder.write(this.#name, new Uint8Array(0));
  }

  done(): void {
    this.#folder.remove(this.#name);
  }
}
