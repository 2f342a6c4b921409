/**
 * Two apps whose images are made here, in a catalog of their own, so that an app can be installed where no registry is
 * reachable. Their images are verified in the strictest sense: whoever signs the catalog made them.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type CatalogDraft, catalogFiles, createCatalog } from "@piccolo/app-manifest";
import { ed25519FromSeed } from "@piccolo/envelope";
import { demoNames } from "@piccolo/oci-image/demo";
import { offerDemo } from "@piccolo/oci-image/demo-manifest";

const root = resolve(import.meta.dirname, "../../..");
const builtIn = join(root, "catalog");
const busyboxes = ["/bin/busybox", "/usr/bin/busybox"];
const dayMs = 86_400_000;

/** Writes images and catalog below the folder; gives what a device is started with. Without busybox only the built-in catalog. */
export function prepareApps(folder: string): readonly string[] {
  const catalogs = ["--catalog", builtIn];
  const busybox = busyboxes.find((path) => existsSync(path));
  if (busybox === undefined) return catalogs;
  const images = join(folder, "images");
  mkdirSync(images, { recursive: true });
  const architecture = process.arch === "arm64" ? "arm64" : "amd64";
  const bytes = readFileSync(busybox);
  const apps = demoNames.map((name): CatalogDraft["apps"][number] => {
    const { archiveName, archive, manifest, images: verified } = offerDemo(name, { busybox: bytes, architecture });
    writeFileSync(join(images, archiveName), archive);
    return { manifest, icon: readFileSync(join(builtIn, "icons", `${name}.svg`), "utf8"), images: verified };
  });
  const key = ed25519FromSeed(randomBytes(32));
  const nowMs = Date.now();
  const title = { en: "Made on this machine", de: "Auf dieser Maschine gemacht" };
  const draft = { title, sequence: 1, issuedAtMs: nowMs, expiresAtMs: nowMs + 365 * dayMs, apps };
  const files = catalogFiles(createCatalog(draft, key), key.publicKey);
  const catalog = join(folder, "catalog");
  mkdirSync(catalog, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(catalog, name), content);
  return [...catalogs, "--catalog", catalog, "--bundled-images", images];
}
