/**
 * Two apps whose images are made here, in a catalog of their own, so that an app can be installed where no registry is
 * reachable. Their images are verified in the strictest sense: whoever signs the catalog made them.
 */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type CatalogDraft, createCatalog } from "@piccolo/app-manifest";
import { toHex } from "@piccolo/bytes";
import { ed25519FromSeed } from "@piccolo/envelope";
import { buildDemoImage, demoNames } from "@piccolo/oci-image/demo";
import { demoAppManifest } from "@piccolo/oci-image/demo-manifest";

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
    const { digest, archive } = buildDemoImage(name, { busybox: bytes, architecture });
    writeFileSync(join(images, `${digest.replace(":", "-")}.tar`), archive);
    const repository = `localhost/piccolo-${name}`;
    return {
      manifest: demoAppManifest(name, `${repository}:1@${digest}`),
      icon: readFileSync(join(builtIn, "icons", `${name}.svg`), "utf8"),
      images: { [`${repository}@${digest}`]: { verified: true, sizeBytes: archive.length } },
    };
  });
  const key = ed25519FromSeed(randomBytes(32));
  const nowMs = Date.now();
  const title = { en: "Made on this machine", de: "Auf dieser Maschine gemacht" };
  const draft = { title, sequence: 1, issuedAtMs: nowMs, expiresAtMs: nowMs + 365 * dayMs, apps };
  const { index, signature } = createCatalog(draft, key);
  const catalog = join(folder, "catalog");
  mkdirSync(catalog, { recursive: true });
  writeFileSync(join(catalog, "index.json"), index);
  writeFileSync(join(catalog, "index.sig"), `${toHex(signature)}\n`);
  writeFileSync(join(catalog, "key.hex"), `${toHex(key.publicKey)}\n`);
  return [...catalogs, "--catalog", catalog, "--bundled-images", images];
}
