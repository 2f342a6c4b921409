import assert from "node:assert/strict";
import { chownSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { repositoryRoot } from "../config.ts";
import { readCatalogSource, recordImage } from "./catalog-source.ts";

function sources(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-catalog-"));
  context.after(() => rmSync(folder, { recursive: true }));
  for (const part of ["manifests", "icons"]) {
    cpSync(join(repositoryRoot, "catalog", part), join(folder, part), { recursive: true });
  }
  const facts = { title: { en: "Apps" }, sequence: 1, issuedAtMs: 2, expiresAtMs: 3, verified: {} };
  writeFileSync(join(folder, "catalog.json"), JSON.stringify(facts));
  return folder;
}

/** By name, of all apps that have a part of the name in one of theirs. */
function factsOf(folder: string, part: string): Readonly<Record<string, unknown>> {
  const all = readCatalogSource(folder).apps.flatMap(({ images }) => Object.entries(images));
  return Object.fromEntries(all.filter(([name]) => name.includes(part)));
}

test("what is recorded of an image is said of it in each app that has it, and taken away again", (context) => {
  const folder = sources(context);
  const [name = ""] = Object.keys(factsOf(folder, "/nextcloud@"));
  assert.deepEqual(factsOf(folder, "/nextcloud@"), { [name]: { verified: false } });
  recordImage(folder, name, { sizeBytes: 7 });
  assert.deepEqual(factsOf(folder, "/nextcloud@"), { [name]: { verified: true, sizeBytes: 7 } });
  assert.deepEqual(Object.values(factsOf(folder, "/mariadb@")), [{ verified: false }]);
  recordImage(folder, name, { sizeBytes: 8 });
  assert.deepEqual(factsOf(folder, "/nextcloud@"), { [name]: { verified: true, sizeBytes: 8 } });
  recordImage(folder, name, undefined);
  assert.deepEqual(factsOf(folder, "/nextcloud@"), { [name]: { verified: false } });
});

test("the same images make the same file, whichever was recorded first, and the rest of it stays", (context) => {
  const [one, other] = [sources(context), sources(context)];
  for (const name of ["b", "a", "c"]) recordImage(one, name, { sizeBytes: 1 });
  for (const name of ["c", "b", "a"]) recordImage(other, name, { sizeBytes: 1 });
  const text = readFileSync(join(one, "catalog.json"), "utf8");
  assert.equal(text, readFileSync(join(other, "catalog.json"), "utf8"));
  const { verified, ...rest } = JSON.parse(text) as Record<string, unknown>;
  assert.deepEqual(Object.keys(verified as object), ["a", "b", "c"]);
  assert.deepEqual(rest, { title: { en: "Apps" }, sequence: 1, issuedAtMs: 2, expiresAtMs: 3 });
});

test("the file stays its owner's, is exchanged as a whole, and nothing lies beside it", (context) => {
  const folder = sources(context);
  const path = join(folder, "catalog.json");
  if (process.getuid?.() === 0) chownSync(path, 1_234, 1_234);
  const before = statSync(path);
  recordImage(folder, "a", { sizeBytes: 1 });
  const after = statSync(path);
  assert.deepEqual([after.uid, after.gid, after.mode], [before.uid, before.gid, before.mode]);
  assert.notEqual(after.ino, before.ino);
  assert.deepEqual(readdirSync(folder).toSorted(), ["catalog.json", "icons", "manifests"]);
});
