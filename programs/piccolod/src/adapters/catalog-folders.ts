import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { getRawAsset, isSea } from "node:sea";
import { fromHex } from "@piccolo/bytes";
import type { CatalogSource } from "../apps/catalogs.ts";

/** Of a release whose keys replaced others: docs/spec/catalog.md, C12. */
const formerKeysFile = "former-keys.hex";

function sourceOf(
  name: string,
  read: (file: string) => Uint8Array,
  has: (file: string) => boolean = () => false,
): CatalogSource {
  return {
    name,
    read: () => {
      const text = (file: string): string => Buffer.from(read(file)).toString("utf8").trim();
      const signature = fromHex(text("index.sig"));
      const formerKeys = has(formerKeysFile) ? text(formerKeysFile).split("\n").map(fromHex) : [];
      return { signed: { index: read("index.json"), signature }, publicKey: fromHex(text("key.hex")), formerKeys };
    },
  };
}

/** The folders that were named, or what the executable has inside. */
export function catalogFolders(folders: readonly string[]): readonly CatalogSource[] {
  if (folders.length > 0 || !isSea()) {
    return folders.map((folder) => {
      const at = (file: string): string => join(folder, file);
      return sourceOf(
        folder,
        (file) => new Uint8Array(readFileSync(at(file))),
        (file) => existsSync(at(file)),
      );
    });
  }
  return [sourceOf("built in", (file) => new Uint8Array(getRawAsset(`catalog/${file}`)))];
}
