import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { buildTree, objectPath, parseListing } from "./commit-tree.ts";

const [a, b] = ["ab".repeat(32), "cd".repeat(32)];
const objects = mkdtempSync(join(tmpdir(), "objects-"));
after(() => rmSync(objects, { recursive: true }));

function put(checksum: string, content: string): void {
  const path = join(objects, objectPath(checksum));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

test("a line that is not understood stops the build: what is left out would be missing", () => {
  for (const line of ["-00644 0 0 5 short /x", `c00644 0 0 0 ${a} /dev/null`, "nonsense"]) {
    assert.throws(() => parseListing(line), /not understood/);
  }
});

test("content that is not as long as the commit says is refused", () => {
  put(a, "12345");
  const listing = parseListing(`d00755 0 0 0 ${b} ${b} /\n-00644 0 0 6 ${a} /x\n`);
  assert.throws(() => buildTree(listing, objects), /size/);
});

test("folders, links, small and large contents become the tree, with mount points beside them", () => {
  put(a, "small");
  put(b, "x".repeat(65));
  const text = [
    `d00755 0 0      0 ${a} ${b} /`,
    `d00700 0 0      0 ${a} ${b} /usr`,
    `-00644 0 0      5 ${a} /usr/with space`,
    `-00755 0 0     65 ${b} /usr/large`,
    `l00777 0 0      0 ${a} /bin -> usr/bin`,
    "",
  ].join("\n");
  const root = buildTree(parseListing(text), objects);
  const usr = root.entries.get("usr");
  assert.ok(usr?.kind === "directory");
  assert.equal(usr.mode, 0o700);
  const [small, large] = [usr.entries.get("with space"), usr.entries.get("large")];
  assert.ok(small?.kind === "inline" && Buffer.from(small.content).toString() === "small");
  assert.ok(large?.kind === "backed" && large.path === objectPath(b) && large.sizeBytes === 65);
  const bin = root.entries.get("bin");
  assert.ok(bin?.kind === "link" && bin.target === "usr/bin");
  for (const name of ["etc", "var", "sysroot", "proc"]) assert.equal(root.entries.get(name)?.kind, "directory");
});
