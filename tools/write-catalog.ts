/**
 * Makes a signed catalog of `catalog/`: `node tools/write-catalog.ts [--key PEM-FILE] [--out FOLDER]`. Without a key it
 * is signed by the development key, which follows from a public text: whoever trusts it trusts everybody.
 */
import { createPrivateKey, hash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { checkManifest, createCatalog, type CatalogDraft, imageName, type SignedCatalog } from "@piccolo/app-manifest";
import { toHex } from "@piccolo/bytes";
import { type Ed25519Key, ed25519FromSeed } from "@piccolo/envelope";
import { repositoryRoot } from "./run-tests.ts";

export const catalogFolder = join(repositoryRoot, "catalog");

interface Facts extends Pick<CatalogDraft, "title" | "sequence" | "issuedAtMs" | "expiresAtMs"> {
  readonly verified: Readonly<Record<string, { readonly sizeBytes?: number }>>;
}

export function developmentKey(): Ed25519Key {
  return ed25519FromSeed(hash("sha256", "piccolo: the development key of catalogs, worth nothing", "buffer"));
}

/** The seed of an Ed25519 private key in PKCS #8. */
function readKey(file: string): Ed25519Key {
  const { d } = createPrivateKey(readFileSync(file)).export({ format: "jwk" });
  if (d === undefined) throw new Error("the key is no Ed25519 private key");
  return ed25519FromSeed(Buffer.from(d, "base64url"));
}

function appOf(path: string, { verified }: Facts): CatalogDraft["apps"][number] {
  const text = readFileSync(path, "utf8");
  const { manifest, problems } = checkManifest(text);
  if (manifest === undefined) throw new Error(`${path} is refused: ${problems[0]?.reason ?? ""}`);
  const names = [...new Set(manifest.services.map(({ image }) => imageName(image)))];
  return {
    manifest: text,
    icon: readFileSync(join(catalogFolder, "icons", `${basename(path, ".yaml")}.svg`), "utf8"),
    images: Object.fromEntries(
      names.map((name) => [name, { verified: verified[name] !== undefined, ...verified[name] }]),
    ),
  };
}

export function buildCatalog(key: Ed25519Key): SignedCatalog {
  const facts = JSON.parse(readFileSync(join(catalogFolder, "catalog.json"), "utf8")) as Facts;
  const folder = join(catalogFolder, "manifests");
  const { title, sequence, issuedAtMs, expiresAtMs } = facts;
  const apps = readdirSync(folder)
    .toSorted()
    .map((file) => appOf(join(folder, file), facts));
  return createCatalog({ title, sequence, issuedAtMs, expiresAtMs, apps }, key);
}

/** What a device reads: the index, its signature and the key, beside each other. */
export function writeCatalog(folder: string, { index, signature }: SignedCatalog, key: Ed25519Key): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "index.json"), index);
  writeFileSync(join(folder, "index.sig"), `${toHex(signature)}\n`);
  writeFileSync(join(folder, "key.hex"), `${toHex(key.publicKey)}\n`);
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({ options: { key: { type: "string" }, out: { type: "string" } } });
  const key = values.key === undefined ? developmentKey() : readKey(values.key);
  writeCatalog(resolve(values.out ?? catalogFolder), buildCatalog(key), key);
}
