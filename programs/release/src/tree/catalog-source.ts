/** The parts of a catalog as they lie in a folder of sources, and the files of a signed one as a device reads them. */
import { createPrivateKey } from "node:crypto";
import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { type CatalogDraft, catalogFiles, checkManifest, imageName, type SignedCatalog } from "@piccolo/app-manifest";
import { type Ed25519Key, ed25519FromSeed } from "@piccolo/envelope";

const factsFile = "catalog.json";

interface Facts extends Pick<CatalogDraft, "title" | "sequence" | "issuedAtMs" | "expiresAtMs"> {
  /** By image name with digest: what somebody has fetched, and found to be what it says. */
  readonly verified: Readonly<Record<string, { readonly sizeBytes?: number }>>;
}

function readFacts(folder: string): Facts {
  return JSON.parse(readFileSync(join(folder, factsFile), "utf8")) as Facts;
}

function appOf(folder: string, file: string, { verified }: Facts): CatalogDraft["apps"][number] {
  const path = join(folder, "manifests", file);
  const text = readFileSync(path, "utf8");
  const { manifest, problems } = checkManifest(text);
  if (manifest === undefined) throw new Error(`${path} is refused: ${problems[0]?.reason ?? ""}`);
  const names = [...new Set(manifest.services.map(({ image }) => imageName(image)))];
  return {
    manifest: text,
    icon: readCatalogIcon(folder, basename(file, ".yaml")),
    images: Object.fromEntries(
      names.map((name) => [name, { verified: verified[name] !== undefined, ...verified[name] }]),
    ),
  };
}

export function readCatalogIcon(folder: string, app: string): string {
  return readFileSync(join(folder, "icons", `${app}.svg`), "utf8");
}

/** Reads `catalog.json`, `manifests/` and `icons/` of a folder. */
export function readCatalogSource(folder: string): CatalogDraft {
  const facts = readFacts(folder);
  const { title, sequence, issuedAtMs, expiresAtMs } = facts;
  const files = readdirSync(join(folder, "manifests")).toSorted();
  return { title, sequence, issuedAtMs, expiresAtMs, apps: files.map((file) => appOf(folder, file, facts)) };
}

/**
 * Writes into `catalog.json` what was found out of an image, by its name with digest; undefined takes away what was said
 * of it. The file is the one before or the one after, whenever this ends.
 */
export function recordImage(folder: string, image: string, fact: { readonly sizeBytes: number } | undefined): void {
  const facts = readFacts(folder);
  const others = Object.entries(facts.verified).filter(([name]) => name !== image);
  const all = fact === undefined ? others : [...others, [image, fact] as const];
  const verified = Object.fromEntries(all.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const path = join(folder, factsFile);
  const next = `${path}.next`;
  const file = openSync(next, "w");
  try {
    writeFileSync(file, `${JSON.stringify({ ...facts, verified }, null, 2)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  // Podman has to be run by root; the sources stay whose they are.
  const { uid, gid, mode } = statSync(path);
  chownSync(next, uid, gid);
  chmodSync(next, mode);
  renameSync(next, path);
}

export function writeCatalog(folder: string, signed: SignedCatalog, key: Ed25519Key): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(catalogFiles(signed, key.publicKey))) {
    writeFileSync(join(folder, name), content);
  }
}

/** Of an Ed25519 private key in PKCS #8, as PEM. */
export function readCatalogKey(file: string): Ed25519Key {
  const { d, crv } = createPrivateKey(readFileSync(file)).export({ format: "jwk" });
  if (d === undefined || crv !== "Ed25519") throw new Error("the key is no Ed25519 private key");
  return ed25519FromSeed(Buffer.from(d, "base64url"));
}
