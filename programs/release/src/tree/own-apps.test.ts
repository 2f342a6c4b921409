import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { openCatalog } from "@piccolo/app-manifest";
import { fromHex } from "@piccolo/bytes";
import { repositoryRoot } from "../config.ts";
import { makeKeySet } from "../keys/keys.ts";
import { catalogPath, imagesPath, installOwnApps } from "./own-apps.ts";

async function release(
  context: TestContext,
): Promise<{ readonly folder: string; readonly install: (name: string, replaced?: readonly string[]) => string }> {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-own-apps-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const [keys, busybox] = [join(folder, "keys"), join(folder, "busybox")];
  await makeKeySet(keys, undefined);
  writeFileSync(busybox, "a program");
  const parts = { catalog: join(repositoryRoot, "catalog"), busybox, keys, number: 7, epochS: 1_700_000_000 };
  return {
    folder,
    install: (name, replaced = []) => {
      const tree = join(folder, name);
      installOwnApps({ tree, architecture: "amd64", replaced, ...parts });
      return tree;
    },
  };
}

test("a release offers the apps whose images it brings, under its own signature, and shows the others", async (context) => {
  const { folder, install } = await release(context);
  const tree = install("tree");
  const text = (name: string): string => readFileSync(join(tree, catalogPath, name), "utf8").trim();
  const index = new Uint8Array(readFileSync(join(tree, catalogPath, "index.json")));
  const opened = openCatalog({ index, signature: fromHex(text("index.sig")) }, fromHex(text("key.hex")));
  assert.equal(opened.sequence, 7);
  const archives = readdirSync(join(tree, imagesPath)).toSorted();
  const offered = opened.apps.filter(({ images }) => [...images.values()].every(({ verified }) => verified));
  assert.deepEqual(
    offered.map(({ manifest }) => manifest.id),
    ["hello", "counter"],
  );
  const digests = offered.flatMap(({ manifest }) => manifest.services.map(({ image }) => image.digest));
  assert.deepEqual(digests.map((digest) => `${digest.replace(":", "-")}.tar`).toSorted(), archives);
  assert.ok(opened.apps.length >= 14);
  const published = readFileSync(join(folder, "keys/metadata/ed25519.pub"), "utf8").replaceAll(/-----.*-----|\s/g, "");
  assert.equal(Buffer.from(published, "base64").subarray(-32).toString("hex"), text("key.hex"));
});

test("a release whose keys replaced others names the keys that catalogs of earlier releases have", async (context) => {
  const { folder, install } = await release(context);
  const former = join(folder, "former");
  await makeKeySet(former, undefined);
  const formerKeys = (tree: string): string => join(tree, catalogPath, "former-keys.hex");
  assert.ok(!existsSync(formerKeys(install("first"))));
  const before = join(folder, "before");
  installOwnApps({
    tree: before,
    architecture: "amd64",
    replaced: [],
    catalog: join(repositoryRoot, "catalog"),
    busybox: join(folder, "busybox"),
    keys: former,
    number: 6,
    epochS: 1_600_000_000,
  });
  const key = readFileSync(join(before, catalogPath, "key.hex"), "utf8");
  assert.equal(readFileSync(formerKeys(install("next", [former])), "utf8"), key);
});

test("the same parts give the same bytes", async (context) => {
  const { install } = await release(context);
  const bytesOf = (tree: string): readonly (readonly [string, string])[] =>
    readdirSync(tree, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name), "hex")] as const)
      .toSorted(([a], [b]) => a.localeCompare(b));
  assert.deepEqual(bytesOf(install("one")), bytesOf(install("two")));
});
