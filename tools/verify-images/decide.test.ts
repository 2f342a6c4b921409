import assert from "node:assert/strict";
import { test } from "node:test";
import type { CatalogDraft } from "@piccolo/app-manifest";
import { toUtf8 } from "@piccolo/bytes";
import { fetchedBytes, wantedImages } from "./decide.ts";

const digest = (letter: string): string => `sha256:${letter.repeat(32)}${"0123456789abcdef".repeat(2)}`;
const nameOf = (image: string): string => `example.org/${image}@${digest("a")}`;

function app(
  id: string,
  images: readonly string[],
  { architectures = "[amd64]", verified = [] }: { architectures?: string; verified?: readonly string[] } = {},
): CatalogDraft["apps"][number] {
  const services = images.map((image, at) => `  s${at}: { image: "${nameOf(image)}" }\n`).join("");
  return {
    manifest: `services:\n${services}x-piccolo: { id: ${id}, version: "1", name: ${id}, summary: An app, web: { service: s0, port: 80 }, architectures: ${architectures} }\n`,
    images: Object.fromEntries(
      images.map((image) => [nameOf(image), verified.includes(image) ? { verified: true } : { verified: false }]),
    ),
  };
}

const every = { all: false, only: [] };
const names = (...args: Parameters<typeof wantedImages>): readonly string[] =>
  wantedImages(...args).map(({ name }) => name);

test("an image of several services and apps is wanted once, for the devices of them all", () => {
  const apps = [app("one", ["web", "cache", "web"]), app("two", ["cache"], { architectures: "[arm64]" })];
  assert.deepEqual(names(apps, every), [nameOf("web"), nameOf("cache")]);
  const [web, cache] = wantedImages(apps, every);
  assert.deepEqual([web?.architectures, web?.apps], [["amd64"], ["one"]]);
  assert.deepEqual(
    [cache?.architectures, cache?.apps],
    [
      ["amd64", "arm64"],
      ["one", "two"],
    ],
  );
  assert.deepEqual([web?.reference.registry, web?.reference.repository], ["example.org", "web"]);
});

test("what is verified is wanted where all is, and what only others have where nothing is said of them", () => {
  const apps = [app("one", ["web", "cache"], { verified: ["cache"] }), app("two", ["other"])];
  assert.deepEqual(names(apps, every), [nameOf("web"), nameOf("other")]);
  assert.deepEqual(names(apps, { all: true, only: [] }), [nameOf("web"), nameOf("cache"), nameOf("other")]);
  assert.deepEqual(names(apps, { all: true, only: ["one"] }), [nameOf("web"), nameOf("cache")]);
  assert.deepEqual(names(apps, { all: false, only: ["two"] }), [nameOf("other")]);
});

const file = (value: unknown): Uint8Array => toUtf8(JSON.stringify(value));
const image = {
  config: { digest: digest("c"), size: 100 },
  layers: [
    { digest: digest("d"), size: 2_000 },
    { digest: digest("e"), size: 30_000 },
    { digest: digest("d"), size: 2_000 },
  ],
};

test("of an image alone its configuration and each different layer are fetched", () => {
  assert.equal(fetchedBytes(digest("a"), "amd64", new Map([[digest("a"), file(image)]])), 32_100);
});

test("of a list the image for that architecture counts, and where it was not kept there is none", () => {
  const platform = (architecture: string, os = "linux") => ({ architecture, os });
  const list = file({
    manifests: [
      { digest: digest("f"), platform: platform("amd64", "windows") },
      { digest: digest("1"), platform: platform("arm64") },
      { digest: digest("2"), platform: platform("amd64") },
    ],
  });
  const small = { ...image, layers: [] };
  const files = new Map([
    [digest("a"), list],
    [digest("f"), file(small)],
    [digest("2"), file(image)],
  ]);
  assert.equal(fetchedBytes(digest("a"), "amd64", files), 32_100);
  assert.equal(fetchedBytes(digest("a"), "arm64", files), undefined);
  assert.equal(fetchedBytes(digest("b"), "amd64", files), undefined);
});

test("a manifest that cannot be read has no size", () => {
  const broken: readonly unknown[] = [
    "text",
    {},
    { ...image, layers: undefined },
    { ...image, layers: [{ digest: digest("d"), size: -1 }] },
    { ...image, layers: [{ digest: digest("d"), size: 2 ** 60 }] },
    { ...image, layers: [{ size: 1 }] },
    { ...image, config: undefined },
  ];
  for (const one of broken) {
    assert.equal(fetchedBytes(digest("a"), "amd64", new Map([[digest("a"), file(one)]])), undefined);
  }
  assert.equal(fetchedBytes(digest("a"), "amd64", new Map([[digest("a"), toUtf8("{")]])), undefined);
});
