import assert from "node:assert/strict";
import { ByteWriter, concat, equalConstantTime, toUtf8 } from "@piccolo/bytes";
import type { FragmentHash } from "./format.ts";
import { cellCount } from "./layout.ts";

const fragmentDomain = toUtf8("piccolo fragment root v1");
const segmentDomain = toUtf8("piccolo segment root v1");

function parents(level: readonly Uint8Array[], hash: FragmentHash): Uint8Array[] {
  const next: Uint8Array[] = [];
  for (let at = 0; at < level.length; at += 2) {
    const left = level[at];
    const right = level[at + 1];
    assert.ok(left !== undefined);
    // A node without a sibling moves up as it is; the length in the root fixes the shape of the tree.
    next.push(right === undefined ? left : hash(concat(left, right)));
  }
  return next;
}

function treeHash(leaves: readonly Uint8Array[], hash: FragmentHash): Uint8Array {
  let level = leaves;
  while (level.length > 1) level = parents(level, hash);
  const [top] = level;
  assert.ok(top !== undefined, "a fragment has at least one cell");
  return top;
}

function rootOver(top: Uint8Array, fragmentBytes: number, hash: FragmentHash): Uint8Array {
  return hash(new ByteWriter().raw(fragmentDomain).u32(fragmentBytes).raw(top).finish());
}

/** The Merkle root of a fragment from the hashes of its cells. */
export function fragmentRoot(leaves: readonly Uint8Array[], fragmentBytes: number, hash: FragmentHash): Uint8Array {
  assert.equal(leaves.length, cellCount(fragmentBytes));
  return rootOver(treeHash(leaves, hash), fragmentBytes, hash);
}

/** The siblings from one leaf up to the top: what a holder sends to prove a single cell. */
export function merklePath(leaves: readonly Uint8Array[], index: number, hash: FragmentHash): Uint8Array[] {
  assert.ok(index >= 0 && index < leaves.length);
  const path: Uint8Array[] = [];
  let level = leaves;
  for (let at = index; level.length > 1; at >>= 1) {
    const sibling = level[at ^ 1];
    if (sibling !== undefined) path.push(sibling);
    level = parents(level, hash);
  }
  return path;
}

/** Whether the cell with that hash is the one at `index` of the fragment with that root. */
export function verifyMerklePath(
  proof: {
    readonly leaf: Uint8Array;
    readonly index: number;
    readonly path: readonly Uint8Array[];
    readonly fragmentBytes: number;
    readonly root: Uint8Array;
  },
  hash: FragmentHash,
): boolean {
  let node = proof.leaf;
  let width = cellCount(proof.fragmentBytes);
  if (proof.index < 0 || proof.index >= width) return false;
  let used = 0;
  for (let at = proof.index; width > 1; at >>= 1, width = Math.ceil(width / 2)) {
    if ((at ^ 1) >= width) continue;
    const sibling = proof.path[used++];
    if (sibling === undefined) return false;
    node = hash(at % 2 === 0 ? concat(node, sibling) : concat(sibling, node));
  }
  return used === proof.path.length && equalConstantTime(rootOver(node, proof.fragmentBytes, hash), proof.root);
}

/** The one hash the owner keeps for a segment: it binds account, id, code, length and all n fragment roots. */
export function segmentRoot(
  segment: {
    readonly account: Uint8Array;
    readonly segmentId: Uint8Array;
    readonly k: number;
    readonly n: number;
    readonly fragmentBytes: number;
    readonly roots: readonly Uint8Array[];
  },
  hash: FragmentHash,
): Uint8Array {
  assert.equal(segment.roots.length, segment.n);
  const writer = new ByteWriter()
    .raw(segmentDomain)
    .fixed(segment.account, 32)
    .fixed(segment.segmentId, 16)
    .u8(segment.k)
    .u8(segment.n)
    .u32(segment.fragmentBytes);
  for (const root of segment.roots) writer.fixed(root, 32);
  return hash(writer.finish());
}
