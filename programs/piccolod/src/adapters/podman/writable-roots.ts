/**
 * What a container may write to its own root is bounded by a file system of a fixed size, which takes the place of the
 * folder in which the runtime keeps the container's changes. Runtimes have bounds of their own only on some file systems.
 */
import { readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { ImageFile, isThere } from "../app-storage/image-file.ts";
import { ownView, systemView } from "../app-storage/run-program.ts";

export interface WritableRootsOptions {
  /** On the sealed volume, and this alone. */
  readonly folder: string;
  /** Where the runtime keeps the folders of containers and images. */
  readonly layers: string;
  /** Mounts are made for the whole system, whose view of the file systems the runtime has. */
  readonly ofSystem?: boolean;
}

const ending = ".ext4";
const blockBytes = 4_096;

export class WritableRoots {
  readonly #options: WritableRootsOptions;

  constructor(options: WritableRootsOptions) {
    this.#options = options;
  }

  #path(layer: string): string {
    return join(this.#options.folder, `${basename(layer)}${ending}`);
  }

  /**
   * Before each start of the container; `layer` is its folder, in which nothing is mounted. What it wrote before is there,
   * unless it is damaged: then it begins as it was made.
   */
  async bound(layer: string, bytesMax: number): Promise<void> {
    const file = new ImageFile(this.#path(layer), layer, this.#options.ofSystem === true ? systemView : ownView);
    await file.mountDisposable(Math.ceil(bytesMax / blockBytes) * blockBytes, ["nodev"], layer);
  }

  /** Of containers that are gone; the runtime has taken their mounts away. */
  forgetGone(): void {
    const { folder, layers } = this.#options;
    if (!isThere(folder)) return;
    for (const name of readdirSync(folder)) {
      const layer = join(layers, name.split(".")[0] ?? "");
      if (!isThere(layer)) rmSync(join(folder, name), { force: true });
    }
  }
}
