/**
 * Makes a signed catalog of `catalog/`, or of another folder of the same parts:
 * `node tools/write-catalog.ts [--key PEM-FILE] [--catalog FOLDER] [--out FOLDER]`. Without a key it is signed by the
 * development key, which follows from a public text: whoever trusts it trusts everybody.
 */
import { hash } from "node:crypto";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { createCatalog, type SignedCatalog } from "@piccolo/app-manifest";
import { type Ed25519Key, ed25519FromSeed } from "@piccolo/envelope";
import { readCatalogKey, readCatalogSource, writeCatalog } from "@piccolo/release";
import { repositoryRoot } from "./run-tests.ts";

export const catalogFolder = join(repositoryRoot, "catalog");

export function developmentKey(): Ed25519Key {
  return ed25519FromSeed(hash("sha256", "piccolo: the development key of catalogs, worth nothing", "buffer"));
}

export function buildCatalog(key: Ed25519Key, folder = catalogFolder): SignedCatalog {
  return createCatalog(readCatalogSource(folder), key);
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({
    options: { key: { type: "string" }, catalog: { type: "string" }, out: { type: "string" } },
  });
  const key = values.key === undefined ? developmentKey() : readCatalogKey(values.key);
  const folder = resolve(values.catalog ?? catalogFolder);
  writeCatalog(resolve(values.out ?? folder), buildCatalog(key, folder), key);
}
