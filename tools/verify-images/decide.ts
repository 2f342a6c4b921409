/** Which images are fetched, what is found in them, and what a publisher is told. Pure. */
import {
  type AppManifest,
  type CatalogDraft,
  checkManifest,
  imageName,
  type ImageReference,
} from "@piccolo/app-manifest";
import { fromUtf8 } from "@piccolo/bytes";

export type Architecture = AppManifest["architectures"][number];

export interface WantedImage {
  /** With its digest, as `catalog.json` has it. */
  readonly name: string;
  readonly reference: ImageReference;
  /** Of the devices its apps are for. */
  readonly architectures: readonly Architecture[];
  readonly apps: readonly string[];
}

export interface Wish {
  /** Those that are verified already, too. */
  readonly all: boolean;
  /** Apps by id; empty stands for every one. */
  readonly only: readonly string[];
}

/** Each image once, however many apps and services have it. */
export function wantedImages(apps: CatalogDraft["apps"], { all, only }: Wish): readonly WantedImage[] {
  const wanted = new Map<string, WantedImage>();
  for (const { manifest: text, images } of apps) {
    const { manifest } = checkManifest(text);
    if (manifest === undefined) continue;
    for (const { image } of manifest.services) {
      const name = imageName(image);
      if (!all && images[name]?.verified === true) continue;
      const before = wanted.get(name);
      wanted.set(name, {
        name,
        reference: image,
        architectures: [...new Set([...(before?.architectures ?? []), ...manifest.architectures])],
        apps: [...new Set([...(before?.apps ?? []), manifest.id])],
      });
    }
  }
  // An image of several apps is for the devices of all of them, whichever was asked for.
  return [...wanted.values()].filter((image) => only.length === 0 || image.apps.some((app) => only.includes(app)));
}

type Json = Readonly<Record<string, unknown>>;

function mapOf(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(mapOf) : [];
}

function parse(bytes: Uint8Array | undefined): Json {
  if (bytes === undefined) return {};
  try {
    return mapOf(JSON.parse(fromUtf8(bytes)));
  } catch {
    return {};
  }
}

/**
 * What a device fetches of an image: its configuration and each different layer, as the registry has them (OCI image
 * specification, "Image Manifest" and "Image Index"). `files`: what was kept of the image, by digest. Undefined where
 * the image of that digest and architecture is not in them.
 */
export function fetchedBytes(
  digest: string,
  architecture: Architecture,
  files: ReadonlyMap<string, Uint8Array>,
): number | undefined {
  const top = parse(files.get(digest));
  const own = listOf(top["manifests"]).find(({ digest: one, platform }) => {
    const { os, architecture: of } = mapOf(platform);
    return os === "linux" && of === architecture && typeof one === "string" && files.has(one);
  });
  const { config, layers } = own === undefined ? top : parse(files.get(String(own["digest"])));
  if (config === undefined || !Array.isArray(layers)) return undefined;
  const parts = new Map<string, number>();
  for (const { digest: part, size } of [mapOf(config), ...listOf(layers)]) {
    if (typeof part !== "string" || typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
      return undefined;
    }
    parts.set(part, size);
  }
  return [...parts.values()].reduce((sum, size) => sum + size, 0);
}

/** Faults that say that the image is not what its name in the manifest says: nobody may go on vouching for it. */
const disproving = new Set(["image-refused", "image-digest-differs", "image-architecture"]);

export function disproves(code: string): boolean {
  return disproving.has(code);
}

const again = "run the command again later; it goes on with what is missing";
const nextSteps: Readonly<Record<string, string>> = {
  "image-refused": "look which versions its publisher still offers, and name the digest of one of them in the manifest",
  "image-digest-differs":
    "try again over another connection; where it stays so, take it for tampered with, and ask the image's publisher",
  "image-architecture":
    "name the digest of a list that has an image for each of the manifest's architectures, or take one of these out of it",
  "image-unreachable": again,
  "registry-busy": `${again}, some hours from now`,
  "disk-full": "free some room, or name a folder with more of it by --store, and run the command again",
  "image-too-large": "where it is meant to be so large, allow it by --size-max-mib",
};

/** For a sentence of its own, without its capital and its point. */
export function nextStep(code: string): string {
  return nextSteps[code] ?? "read what Podman says, and run the command again";
}
