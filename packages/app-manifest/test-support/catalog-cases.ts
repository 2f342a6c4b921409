/** Vectors of catalogs: what is signed, and each way in which a file is refused. */
import { hash } from "node:crypto";
import { fromUtf8, toHex, toUtf8 } from "@piccolo/bytes";
import { ed25519FromSeed, signStatement, definePurpose } from "@piccolo/envelope";
import { type CatalogDraft, catalogId, createCatalog } from "../src/index.ts";
import { digestA, smallText } from "./texts.ts";

export interface CatalogVector {
  readonly about: string;
  readonly operation: "open-catalog";
  readonly input: {
    readonly index: string;
    readonly signature: string;
    readonly publicKey: string;
    readonly known: number;
  };
  readonly expect:
    | { readonly fault: string }
    | { readonly id: string; readonly sequence: number; readonly apps: readonly string[] };
}

const key = ed25519FromSeed(hash("sha256", "vectors of catalogs", "buffer"));
const other = ed25519FromSeed(hash("sha256", "another key", "buffer"));
const image = `registry.example/notes@${digestA}`;
const icon = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><rect width="8" height="8" fill="#08f"/></svg>';
const draft = {
  title: { en: "Apps" },
  sequence: 7,
  issuedAtMs: 1_000,
  expiresAtMs: 2_000,
  apps: [{ manifest: smallText, icon, images: { [image]: { verified: true, sizeBytes: 5 } } }],
};
const signed = createCatalog(draft, key);
const text = fromUtf8(signed.index);

/** Signed rightly whatever it says: so that only the format can be what is refused. */
function signedText(index: string): CatalogVector["input"] {
  const statement = {
    purpose: definePurpose("catalog-index", "none"),
    network: undefined,
    account: Buffer.from(catalogId(key.publicKey), "hex"),
    body: hash("sha256", toUtf8(index), "buffer"),
  };
  return { index, signature: toHex(signStatement(key, statement)), publicKey: toHex(key.publicKey), known: 0 };
}

const malformed = (about: string, index: string): CatalogVector => ({
  about,
  operation: "open-catalog",
  input: signedText(index),
  expect: { fault: "catalog-malformed" },
});

/** An app whose manifest refers to a value of its own again and again, below its own bounds. */
function aliasApp(id: string, value: unknown, times: number): CatalogDraft["apps"][number] {
  const repeated = Array.from({ length: times }, () => "*a").join(", ");
  const manifest = `x-one: &a ${JSON.stringify(value)}\nx-more: [${repeated}]\n${smallText.replace("id: notes", `id: ${id}`)}`;
  return { manifest, images: { [image]: { verified: true } } };
}

const aliasCatalog = (about: string, count: number, value: unknown, times: number): CatalogVector =>
  malformed(
    about,
    JSON.stringify({
      format: 1,
      ...draft,
      apps: Array.from({ length: count }, (_, at) => aliasApp(`notes-${at}`, value, times)),
    }),
  );

const withIcon = (about: string, icon: string): CatalogVector =>
  malformed(about, JSON.stringify({ format: 1, ...draft, apps: [{ ...draft.apps[0], icon }] }));

export function catalogCases(): Record<string, CatalogVector> {
  const input = { index: text, signature: toHex(signed.signature), publicKey: toHex(key.publicKey), known: 0 };
  const signature = (about: string, change: Partial<CatalogVector["input"]>): CatalogVector => ({
    about,
    operation: "open-catalog",
    input: { ...input, ...change },
    expect: { fault: "catalog-signature" },
  });
  return {
    "changed-text": signature("one character of the index is another", { index: text.replace("Apps", "Appz") }),
    "changed-signature": signature("one bit of the signature is another", {
      signature: toHex(signed.signature.map((byte, at) => (at === 3 ? byte ^ 1 : byte))),
    }),
    "other-key": signature("the key is another publisher's", { publicKey: toHex(other.publicKey) }),
    "short-key": signature("the key is cut off", { publicKey: "00" }),
    older: {
      about: "an older one than is known",
      operation: "open-catalog",
      input: { ...input, known: 8 },
      expect: { fault: "catalog-older" },
    },
    "not-json": malformed("it is no JSON", "{"),
    "other-format": malformed("a later format", JSON.stringify({ ...draft, format: 2 })),
    "unknown-key": malformed("a key nobody knows", JSON.stringify({ format: 1, ...draft, more: 1 })),
    "no-english": malformed("a title without English", JSON.stringify({ format: 1, ...draft, title: { de: "Apps" } })),
    "title-turns-direction": malformed(
      "a title that turns the direction of what is read after it",
      JSON.stringify({ format: 1, ...draft, title: { en: "Apps \u202eelibaborp" } }),
    ),
    "title-invisible": malformed(
      "a title nobody sees",
      JSON.stringify({ format: 1, ...draft, title: { en: "\u200b" } }),
    ),
    "manifest-refused": malformed(
      "a manifest by tag",
      JSON.stringify({
        format: 1,
        ...draft,
        apps: [{ ...draft.apps[0], manifest: smallText.replace(`@${digestA}`, "") }],
      }),
    ),
    "image-not-said": malformed(
      "an image of which nothing is said",
      JSON.stringify({ format: 1, ...draft, apps: [{ ...draft.apps[0], images: {} }] }),
    ),
    "image-of-none": malformed(
      "an image no service has",
      JSON.stringify({
        format: 1,
        ...draft,
        apps: [{ ...draft.apps[0], images: { ...draft.apps[0]?.images, other: { verified: true } } }],
      }),
    ),
    "verified-by-word": malformed(
      "verified as a text",
      JSON.stringify({ format: 1, ...draft, apps: [{ ...draft.apps[0], images: { [image]: { verified: "yes" } } }] }),
    ),
    "app-twice": malformed(
      "an app twice",
      JSON.stringify({ format: 1, ...draft, apps: [...draft.apps, ...draft.apps] }),
    ),
    "values-of-all": aliasCatalog("manifests that are too many values together", 11, Array(100).fill(1), 96),
    "text-of-all": aliasCatalog("manifests that are too much text together", 17, "x".repeat(1_024), 508),
    "icon-script": withIcon(
      "an icon with a script",
      '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    ),
    "icon-handler": withIcon(
      "an icon with a handler",
      '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"></svg>',
    ),
    "icon-address": withIcon(
      "an icon that loads something",
      '<svg xmlns="http://www.w3.org/2000/svg"><rect fill="url(https://x.example/)"/></svg>',
    ),
    "icon-entity": withIcon("an icon with an entity", '<!DOCTYPE svg><svg xmlns="http://www.w3.org/2000/svg"></svg>'),
    "icon-foreign": withIcon(
      "an icon with a page in it",
      '<svg xmlns="http://www.w3.org/2000/svg"><foreignObject></foreignObject></svg>',
    ),
    ok: {
      about: "a catalog of one app",
      operation: "open-catalog",
      input,
      expect: { id: catalogId(key.publicKey), sequence: 7, apps: ["notes"] },
    },
  };
}
