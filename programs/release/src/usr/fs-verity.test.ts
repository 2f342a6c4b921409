import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { test } from "node:test";
import { verityOf } from "./fs-verity.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const sha256 = (bytes: Uint8Array): Buffer => hash("sha256", bytes, "buffer");

function padded(bytes: Uint8Array): Buffer {
  const block = Buffer.alloc(4096);
  block.set(bytes);
  return block;
}

test("no content has the digest the kernel gives an empty file", () => {
  const { digest, tree } = verityOf(new Uint8Array());
  assert.equal(hex(digest), "3d248ca542a24fc62d1c43b916eae5016878e2533c88238480b26128a1f1af95");
  assert.equal(tree.length, 0);
});

test("content of one block has no tree: its root is the hash of the padded block", () => {
  const content = Buffer.from("piccolo");
  const { tree, descriptor } = verityOf(content);
  assert.equal(tree.length, 0);
  assert.equal(hex(descriptor.subarray(16, 48)), hex(sha256(padded(content))));
});

test("two levels: the block next to the root comes first, and its hash is the root", () => {
  // 129 blocks: 128 hashes fill one block, so that there are two of them and one above.
  const content = Buffer.alloc(129 * 4096, 7);
  const { tree, descriptor } = verityOf(content);
  assert.equal(tree.length, 3 * 4096);
  const [top, first, second] = [0, 1, 2].map((at) => tree.subarray(at * 4096, (at + 1) * 4096));
  assert.ok(top !== undefined && first !== undefined && second !== undefined);
  assert.equal(hex(descriptor.subarray(16, 48)), hex(sha256(top)));
  assert.equal(hex(top.subarray(0, 64)), hex(sha256(first)) + hex(sha256(second)));
  assert.equal(hex(second.subarray(0, 32)), hex(sha256(content.subarray(0, 4096))));
});

test("the length is part of the digest: zeros at the end are not free", () => {
  assert.notEqual(hex(verityOf(Buffer.alloc(10)).digest), hex(verityOf(Buffer.alloc(11)).digest));
});
