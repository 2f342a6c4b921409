import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { getRawAsset, isSea } from "node:sea";

/** The built portal. Paths are relative, of plain names with `/` between them. */
export interface PortalFiles {
  read(path: string): Promise<Uint8Array | undefined>;
}

export class FolderPortal implements PortalFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    try {
      return await readFile(join(this.#folder, path));
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR") return undefined;
      throw error;
    }
  }
}

/** The portal inside the single executable. */
export class EmbeddedPortal implements PortalFiles {
  async read(path: string): Promise<Uint8Array | undefined> {
    try {
      return new Uint8Array(getRawAsset(`portal/${path}`));
    } catch {
      // An asset that is not there is an error without a code of its own.
      return undefined;
    }
  }
}

/** The folder that was named, or what the executable has inside. */
export function portalFiles(folder: string | undefined): PortalFiles | undefined {
  if (folder !== undefined) return new FolderPortal(folder);
  return isSea() ? new EmbeddedPortal() : undefined;
}
