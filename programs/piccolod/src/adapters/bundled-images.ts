import { createReadStream, existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { BundledImages } from "../apps/image-source.ts";

/** Archives in a folder, each named by its image's digest: `sha256-HEX.tar`. */
export function bundledImages(folder: string | undefined): BundledImages {
  const pathOf = (digest: string): string | undefined => {
    if (folder === undefined || !/^sha256:[0-9a-f]{64}$/.test(digest)) return undefined;
    const path = join(folder, `${digest.replace(":", "-")}.tar`);
    return existsSync(path) ? path : undefined;
  };
  return {
    has: (digest) => pathOf(digest) !== undefined,
    open(digest) {
      const path = pathOf(digest);
      if (path === undefined) return undefined;
      return { sizeBytes: statSync(path).size, content: contentOf(path) };
    },
  };
}

/** Opened by whoever reads it: a stream that is open already tells its failure to nobody, which would end the daemon. */
async function* contentOf(path: string): AsyncGenerator<Uint8Array> {
  for await (const part of createReadStream(path)) yield part as Uint8Array;
}
