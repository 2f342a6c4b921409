import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ReadNode, readErofs } from "../../test-support/read-erofs.ts";
import { encodeErofs } from "./erofs.ts";
import type { Directory, TreeNode } from "./tree.ts";

const plain = { uid: 0, gid: 0 };
const folder = (entries: Iterable<readonly [string, TreeNode]>, mode = 0o755): Directory => ({
  kind: "directory",
  mode,
  ...plain,
  entries: new Map(entries),
});

test("names a file system cannot have are refused", () => {
  const file: TreeNode = { kind: "inline", mode: 0o644, ...plain, content: new Uint8Array() };
  for (const name of ["a/b", "x".repeat(256)]) assert.throws(() => encodeErofs(folder([[name, file]]), 0));
});

test("content too long to lie beside its inode is refused", () => {
  const file: TreeNode = { kind: "inline", mode: 0o644, ...plain, content: new Uint8Array(4096) };
  assert.throws(() => encodeErofs(folder([["file", file]]), 0));
});

test("a folder of many names spans blocks and keeps their order", () => {
  const names = Array.from({ length: 3_000 }, (_, at) => `${(at * 7919) % 3_000}-file.with-a-name`);
  const entries = names.map((name) => [name, { kind: "link", mode: 0o777, ...plain, target: name }] as const);
  const root = readErofs(encodeErofs(folder([["deep", folder(entries)]]), 1));
  const deep = root.entries.get("deep");
  assert.equal(deep?.entries.size, 3_000);
  assert.equal(root.links, 3);
  for (const name of names) assert.equal(deep.entries.get(name)?.content, name);
});

test("a file with content elsewhere names its place and its digest", () => {
  const digest = new Uint8Array(32).fill(0xab);
  const file: TreeNode = { kind: "backed", mode: 0o755, ...plain, sizeBytes: 123_456_789, path: "ab/cd.file", digest };
  const read = readErofs(encodeErofs(folder([["daemon", file]]), 1)).entries.get("daemon");
  assert.equal(read?.sizeBytes, 123_456_789);
  assert.equal(read.attributes["trusted.overlay.redirect"], Buffer.from("/ab/cd.file").toString("hex"));
  assert.equal(read.attributes["trusted.overlay.metacopy"], `00240001${"ab".repeat(32)}`);
});

const nameArbitrary = fc
  .string({ minLength: 1, maxLength: 40 })
  .filter((name) => !/[/\0]/.test(name) && !/^\.\.?$/.test(name) && name.isWellFormed());
const modeArbitrary = fc.integer({ min: 0, max: 0o7777 });
const { tree } = fc.letrec<{ tree: TreeNode; leaf: TreeNode }>((tie) => ({
  leaf: fc.oneof(
    fc.record({
      kind: fc.constant("link" as const),
      mode: modeArbitrary,
      uid: fc.nat(),
      gid: fc.nat(),
      target: fc.string({ minLength: 1, maxLength: 200 }).filter((text) => text.isWellFormed()),
    }),
    fc.record({
      kind: fc.constant("inline" as const),
      mode: modeArbitrary,
      uid: fc.nat(),
      gid: fc.nat(),
      content: fc.uint8Array({ maxLength: 64 }),
    }),
    fc.record({
      kind: fc.constant("backed" as const),
      mode: modeArbitrary,
      uid: fc.nat(),
      gid: fc.nat(),
      sizeBytes: fc.integer({ min: 65, max: 2 ** 40 }),
      path: fc.constant("00/11.file"),
      digest: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    }),
  ),
  tree: fc.oneof(
    { depthSize: "small" },
    tie("leaf"),
    fc.record({
      kind: fc.constant("directory" as const),
      mode: modeArbitrary,
      uid: fc.nat(),
      gid: fc.nat(),
      entries: fc.array(fc.tuple(nameArbitrary, tie("tree"))).map((entries) => new Map(entries)),
    }),
  ),
}));

function same(read: ReadNode | undefined, written: TreeNode): void {
  assert.ok(read !== undefined);
  assert.equal(read.mode, written.mode);
  if (written.kind === "directory") {
    assert.deepEqual([...read.entries.keys()].sort(), [...written.entries.keys()].sort());
    for (const [name, child] of written.entries) same(read.entries.get(name), child);
  } else if (written.kind === "link") assert.equal(read.content, written.target);
  else if (written.kind === "inline") assert.equal(read.sizeBytes, written.content.length);
  else assert.equal(read.sizeBytes, written.sizeBytes);
}

test("any tree comes back as it was, and gives the same bytes again", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(nameArbitrary, tree)), (entries) => {
      const root = folder(entries);
      const image = encodeErofs(root, 7);
      same(readErofs(image), root);
      assert.deepEqual(encodeErofs(root, 7), image);
    }),
    { numRuns: 60 },
  );
});
