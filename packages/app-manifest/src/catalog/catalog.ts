/** A catalog: apps somebody vouches for, in one signed file. Normative text: docs/spec/catalog.md. */
import { concat, directionControls, fromUtf8, lineSeparators, toHex, toUtf8, visibleCharacter } from "@piccolo/bytes";
import {
  definePurpose,
  type Ed25519Key,
  ed25519KeyBytes,
  ed25519SignatureBytes,
  signStatement,
  type Statement,
  verifyStatement,
} from "@piccolo/envelope";
import { catalogue } from "@piccolo/fault";
import { hash } from "node:crypto";
import { checkManifest } from "../check.ts";
import type { TreeSize } from "../document.ts";
import { imageName } from "../image-reference.ts";
import type { AppManifest, LocalizedText } from "../types.ts";
import { iconBytesMax, isHarmlessIcon } from "./icon.ts";

export const catalogBytesMax = 2 * 2 ** 20;
export const catalogEntriesMax = 400;
/** Of all manifests, aliases followed: each alone may hold much more than its text, and all are read at once and kept. */
export const catalogNodesMax = 100_000;
export const catalogTextMax = 4 * catalogBytesMax;

export const catalogFaults = catalogue({
  "catalog-signature": {
    retry: "never",
    meaning: "The catalog is not signed by the key it was added with; get it from its publisher again.",
  },
  "catalog-malformed": { retry: "never", meaning: "The catalog breaks its format; its publisher has to make it anew." },
  "catalog-older": {
    retry: "later",
    meaning: "An older catalog was given than is known; it would bring back versions that were replaced.",
  },
});

/** What a publisher knows of an image beyond its digest. */
export interface CatalogImage {
  /** Whether somebody fetched it and found this digest; only such images are installed. */
  readonly verified: boolean;
  readonly sizeBytes: number | undefined;
}

export interface CatalogApp {
  readonly manifest: AppManifest;
  /** As the publisher wrote it; the manifest is what it says. */
  readonly text: string;
  /** SVG. */
  readonly icon: string | undefined;
  /** By `imageName`, one for each image of the manifest. */
  readonly images: ReadonlyMap<string, CatalogImage>;
}

export interface Catalog {
  /** Hexadecimal; follows from the key. */
  readonly id: string;
  readonly title: LocalizedText;
  /** Higher for each newer one. */
  readonly sequence: number;
  readonly issuedAtMs: number;
  /** After this its entries may be out of date, and a device says so. */
  readonly expiresAtMs: number;
  readonly apps: readonly CatalogApp[];
}

/** What a publisher writes; `createCatalog` makes the file of it. */
export interface CatalogDraft {
  readonly title: LocalizedText;
  readonly sequence: number;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly apps: readonly {
    readonly manifest: string;
    readonly icon?: string;
    readonly images: Readonly<Record<string, { readonly verified: boolean; readonly sizeBytes?: number }>>;
  }[];
}

const indexPurpose = definePurpose("catalog-index", "none");
const idLabel = toUtf8("piccolo/catalog/v1/id\0");

const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(hash("sha256", bytes, "buffer"));

export function catalogId(publicKey: Uint8Array): string {
  return toHex(sha256(concat(idLabel, publicKey)));
}

/** The statement that is signed: the catalog's id stands in the account's place. */
function statementOf(publicKey: Uint8Array, index: Uint8Array): Statement {
  return {
    purpose: indexPurpose,
    network: undefined,
    account: sha256(concat(idLabel, publicKey)),
    body: sha256(index),
  };
}

export interface SignedCatalog {
  readonly index: Uint8Array;
  readonly signature: Uint8Array;
}

/** Throws `catalog-malformed` where the draft is none that `openCatalog` would take. */
export function createCatalog(draft: CatalogDraft, key: Ed25519Key): SignedCatalog {
  const { title, ...facts } = draft;
  const index = toUtf8(`${JSON.stringify({ format: 1, title, ...facts }, null, 1)}\n`);
  readIndex(index, catalogId(key.publicKey));
  return { index, signature: signStatement(key, statementOf(key.publicKey, index)) };
}

/** A signed catalog as the files of its folder, by name: what a device reads, or fetches from its publisher. */
export function catalogFiles(
  { index, signature }: SignedCatalog,
  publicKey: Uint8Array,
): Readonly<Record<string, string | Uint8Array>> {
  return { "index.json": index, "index.sig": `${toHex(signature)}\n`, "key.hex": `${toHex(publicKey)}\n` };
}

/** `known`: the newest sequence seen under this key. Throws `catalogFaults`. */
export function openCatalog({ index, signature }: SignedCatalog, publicKey: Uint8Array, known = 0): Catalog {
  const isSized = publicKey.length === ed25519KeyBytes && signature.length === ed25519SignatureBytes;
  if (
    !isSized ||
    index.length > catalogBytesMax ||
    !verifyStatement(publicKey, statementOf(publicKey, index), signature)
  ) {
    throw catalogFaults.fault("catalog-signature", "the catalog is not signed by its key");
  }
  const catalog = readIndex(index, catalogId(publicKey));
  if (catalog.sequence < known)
    throw catalogFaults.fault("catalog-older", `catalog ${catalog.sequence} is older than ${known}`);
  return catalog;
}

function malformed(what: string): never {
  throw catalogFaults.fault("catalog-malformed", `the catalog is malformed: ${what}`);
}

type Json = Readonly<Record<string, unknown>>;

function mapOf(value: unknown, what: string, keys: readonly string[]): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return malformed(`${what} is no object`);
  for (const key of Object.keys(value)) if (!keys.includes(key)) malformed(`${what} has an unknown key`);
  return value as Json;
}

function wholeOf(value: unknown, what: string): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0
    ? value
    : malformed(`${what} is no number`);
}

function titleOf(value: unknown): LocalizedText {
  if (typeof value !== "object" || value === null) return malformed("the title is no object");
  const entries = Object.entries(value);
  const isSound = entries.every(
    ([language, text]) =>
      /^[a-z]{2,3}(?:-[a-z0-9]{2,8}){0,2}$/.test(language) && typeof text === "string" && isTitle(text),
  );
  const english: unknown = (value as Json)["en"];
  if (!isSound || entries.length > 50 || typeof english !== "string") return malformed("the title has no English");
  return { ...(value as Record<string, string>), en: english };
}

/** As the name of an app may be (docs/spec/app-manifest.md A4). */
function isTitle(text: string): boolean {
  const isPlain = text.isWellFormed() && !/\p{Cc}/u.test(text) && !lineSeparators.test(text);
  return text.length <= 60 && isPlain && !directionControls.test(text) && visibleCharacter.test(text);
}

function readIndex(index: Uint8Array, id: string): Catalog {
  let parsed: unknown;
  try {
    parsed = JSON.parse(fromUtf8(index));
  } catch {
    return malformed("it is no JSON");
  }
  const map = mapOf(parsed, "it", ["format", "title", "sequence", "issuedAtMs", "expiresAtMs", "apps"]);
  if (map["format"] !== 1) malformed("its format is unknown");
  const { apps } = map;
  if (!Array.isArray(apps) || apps.length > catalogEntriesMax)
    return malformed("it has no list of apps, or too long a one");
  const read: TreeSize = { nodes: 0, textLength: 0 };
  const catalog: Catalog = {
    id,
    title: titleOf(map["title"]),
    sequence: wholeOf(map["sequence"], "its sequence"),
    issuedAtMs: wholeOf(map["issuedAtMs"], "its time"),
    expiresAtMs: wholeOf(map["expiresAtMs"], "its end"),
    apps: apps.map((app, at) => appOf(app, at, read)),
  };
  const ids = new Set(catalog.apps.map(({ manifest }) => manifest.id));
  if (ids.size !== catalog.apps.length) malformed("an app is in it twice");
  return catalog;
}

/** `read`: of the manifests before it. */
function appOf(value: unknown, at: number, read: TreeSize): CatalogApp {
  const what = `app ${at}`;
  const { manifest: text, icon, images } = mapOf(value, what, ["manifest", "icon", "images"]);
  if (typeof text !== "string") return malformed(`${what} has no manifest`);
  const size: TreeSize = { nodes: 0, textLength: 0 };
  const { manifest } = checkManifest(text, size);
  read.nodes += size.nodes;
  read.textLength += size.textLength;
  if (read.nodes > catalogNodesMax || read.textLength > catalogTextMax) return malformed("its manifests are too large");
  if (manifest === undefined) return malformed(`the manifest of ${what} is refused`);
  if (icon !== undefined && (typeof icon !== "string" || icon.length > iconBytesMax || !isHarmlessIcon(icon))) {
    return malformed(`the icon of ${what} is refused`);
  }
  const named = new Set(manifest.services.map(({ image }) => imageName(image)));
  const known = Object.entries(mapOf(images, `the images of ${what}`, [...named]));
  if (known.length !== named.size) malformed(`${what} does not say of each image whether it was verified`);
  const facts = known.map(([name, said]): readonly [string, CatalogImage] => {
    const { verified, sizeBytes } = mapOf(said, `an image of ${what}`, ["verified", "sizeBytes"]);
    if (typeof verified !== "boolean") return malformed(`an image of ${what} is neither verified nor not`);
    return [name, { verified, sizeBytes: sizeBytes === undefined ? undefined : wholeOf(sizeBytes, "a size") }];
  });
  return { manifest, text, icon, images: new Map(facts) };
}
