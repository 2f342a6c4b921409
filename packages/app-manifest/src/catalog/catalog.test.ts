import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fromHex, toUtf8 } from "@piccolo/bytes";
import { readVectors, testVectors } from "../../../../tools/vectors.ts";
import { buildCatalog, catalogFolder, developmentKey } from "../../../../tools/write-catalog.ts";
import { catalogCases, type CatalogVector } from "../../test-support/catalog-cases.ts";
import { openCatalog, searchApps } from "../index.ts";

testVectors(
  readVectors<CatalogVector>("catalog"),
  ({ input }) => {
    const signed = { index: toUtf8(input.index), signature: fromHex(input.signature) };
    const { id, sequence, apps } = openCatalog(signed, fromHex(input.publicKey), input.known);
    return { id, sequence, apps: apps.map(({ manifest }) => manifest.id) };
  },
  catalogCases,
);

function builtIn() {
  const text = (name: string): string => readFileSync(join(catalogFolder, name), "utf8").trim();
  const index = new Uint8Array(readFileSync(join(catalogFolder, "index.json")));
  return openCatalog({ index, signature: fromHex(text("index.sig")) }, fromHex(text("key.hex")));
}

test("the built-in catalog is what write-catalog.ts makes of its parts", () => {
  const { index } = buildCatalog(developmentKey());
  assert.deepEqual(Buffer.from(index), readFileSync(join(catalogFolder, "index.json")));
  assert.ok(builtIn().apps.length >= 12);
});

test("the built-in catalog vouches for an image only together with what was fetched of it", () => {
  for (const { manifest, images } of builtIn().apps) {
    assert.ok(
      [...images.values()].every(({ verified, sizeBytes = 0 }) => verified === sizeBytes > 0),
      manifest.id,
    );
  }
});

test("every app of the built-in catalog speaks English and German", () => {
  for (const { manifest } of builtIn().apps) assert.ok(manifest.summary["de"], manifest.id);
});

test("search finds words in any language, without accents, the name first", () => {
  const { apps } = builtIn();
  const found = (words: string, language = "en", category?: string): readonly string[] =>
    searchApps(apps, { words, category, language }).map(({ manifest }) => manifest.id);
  assert.equal(found("nextcl")[0], "nextcloud");
  assert.ok(found("passworter", "de").includes("vaultwarden"));
  assert.deepEqual(found("photos gitea"), []);
  assert.deepEqual(found("", "en", "photos"), ["immich"]);
  assert.equal(found("").length, apps.length);
});
