/**
 * What a release offers to run: its catalog, signed by the release's own key, and the images of two small apps that are made
 * here, so that an app can be installed on a device that reaches no registry (docs/spec/catalog.md, C12).
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CatalogDraft, createCatalog } from "@piccolo/app-manifest";
import type { ImageConfig } from "@piccolo/oci-image";
import { demoNames } from "@piccolo/oci-image/demo";
import { offerDemo } from "@piccolo/oci-image/demo-manifest";
import { releaseFaults } from "../faults.ts";
import { publicKeyOf } from "../keys/read-key.ts";
import { signingKeyOf } from "../keys/signing-key.ts";
import { readCatalogIcon, readCatalogKey, readCatalogSource, writeCatalog } from "./catalog-source.ts";

/** So long nobody is told that its catalog is old: a release is followed by another one before. */
const catalogLifeMs = 365 * 86_400_000;

/** Of Ed25519: the end of a SubjectPublicKeyInfo. */
const publicKeyBytes = 32;

/** Where the image has them, below its root. */
export const imagesPath = "usr/lib/piccolo/images";
export const catalogPath = "usr/lib/piccolo/catalog";

export interface OwnApps {
  readonly tree: string;
  /** Folder with the catalog's parts. */
  readonly catalog: string;
  /** The static busybox that the apps are made of. */
  readonly busybox: string;
  readonly architecture: ImageConfig["architecture"];
  /** Folder of the release's keys. */
  readonly keys: string;
  /** Folders of the sets that were replaced by it, by whose catalogs apps were installed; public halves are enough. */
  readonly replaced: readonly string[];
  /** Of the release: of one key's catalogs no two have one number. */
  readonly number: number;
  readonly epochS: number;
}

/** Throws `key-unfit` where the key for metadata lies on a token. */
export function installOwnApps({
  tree,
  catalog,
  busybox,
  architecture,
  keys,
  replaced,
  number,
  epochS,
}: OwnApps): void {
  const images = join(tree, imagesPath);
  mkdirSync(images, { recursive: true });
  const bytes = readFileSync(busybox);
  const demos = demoNames.map((name): CatalogDraft["apps"][number] => {
    const { archiveName, archive, manifest, images: verified } = offerDemo(name, { busybox: bytes, architecture });
    writeFileSync(join(images, archiveName), archive);
    return { manifest, icon: readCatalogIcon(catalog, name), images: verified };
  });
  const signer = signingKeyOf(keys, "metadata");
  if (signer.kind === "token") throw releaseFaults.fault("key-unfit", "the key for metadata has to lie in a file");
  const key = readCatalogKey(signer.path);
  const { title, apps } = readCatalogSource(catalog);
  const issuedAtMs = epochS * 1_000;
  const dated = { title, sequence: number, issuedAtMs, expiresAtMs: issuedAtMs + catalogLifeMs };
  writeCatalog(join(tree, catalogPath), createCatalog({ ...dated, apps: [...apps, ...demos] }, key), key);
  if (replaced.length === 0) return;
  const formerKeys = replaced.map((set) => {
    const spki = publicKeyOf(set, "metadata").export({ type: "spki", format: "der" });
    return `${spki.subarray(-publicKeyBytes).toString("hex")}\n`;
  });
  writeFileSync(join(tree, catalogPath, "former-keys.hex"), formerKeys.join(""));
}
