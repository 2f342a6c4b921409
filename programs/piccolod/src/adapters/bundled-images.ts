import { createReadStream, existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { BundledImages } from "../apps/image-source.ts";

/** Archives in a folder, each named by its image's digest: `sha256-HEX.tar`. */
export function bundledImages(folder: string | undefined): BundledImages {
  return {
    open(digest) {
      if (folder === undefined || !/^sha256:[0-9a-f]{64}$/.test(digest)) return undefined;
      const path = join(folder, `${digest.replace(":", "-")}.tar`);
      if (!existsSync(path)) return undefined;
      return { sizeBytes: statSync(path).size, content: createReadStream(path) };
    },
  };
}
