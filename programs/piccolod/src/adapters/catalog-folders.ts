import { readFileSync } from "node:fs";
import { join } from "node:path";
import { getRawAsset, isSea } from "node:sea";
import { fromHex } from "@piccolo/bytes";
import type { CatalogSource } from "../apps/catalogs.ts";

function sourceOf(name: string, read: (file: string) => Uint8Array): CatalogSource {
  return {
    name,
    read: () => {
      const text = (file: string): string => Buffer.from(read(file)).toString("utf8").trim();
      const signature = fromHex(text("index.sig"));
      return { signed: { index: read("index.json"), signature }, publicKey: fromHex(text("key.hex")) };
    },
  };
}

/** The folders that were named, or what the executable has inside. */
export function catalogFolders(folders: readonly string[]): readonly CatalogSource[] {
  if (folders.length > 0 || !isSea()) {
    return folders.map((folder) => sourceOf(folder, (file) => new Uint8Array(readFileSync(join(folder, file)))));
  }
  return [sourceOf("built in", (file) => new Uint8Array(getRawAsset(`catalog/${file}`)))];
}
