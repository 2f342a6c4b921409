import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createBLAKE3 } from "hash-wasm";
import {
  cellBytes,
  cellCount,
  cellLength,
  decodeHeader,
  encodeHeader,
  fragmentCells,
  fragmentRoot,
  maskCell,
  maxSegmentBytes,
  merklePath,
  paddedFragmentBytes,
  segmentCells,
  segmentRoot,
  stripesOf,
  verifyMerklePath,
} from "./index.ts";

const hasher = await createBLAKE3();
const hash = (bytes: Uint8Array): Uint8Array => hasher.init().update(bytes).digest("binary");
const isMalformed = { code: "malformed" };

function leavesOf(fragment: Uint8Array): Uint8Array[] {
  return fragmentCells(fragment).map(hash);
}

test("a padded fragment holds its part, costs less than 12 percent, and has few different lengths", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: maxSegmentBytes }), fc.integer({ min: 1, max: 40 }), (sealedBytes, k) => {
      const bytes = paddedFragmentBytes(sealedBytes, k);
      assert.ok(bytes * k >= sealedBytes);
      assert.ok(bytes <= Math.max(64, Math.ceil(sealedBytes / k) * 1.12 + 1));
      assert.ok(bytes <= maxSegmentBytes);
      assert.equal(paddedFragmentBytes(bytes, 1), bytes, "a size class is its own size class");
    }),
  );
  const classes = new Set(Array.from({ length: 200_000 }, (_, at) => paddedFragmentBytes(at + 1, 1)));
  assert.ok(classes.size < 200, `${classes.size} lengths`);
});

test("the cells of all stripes cover the padded segment exactly once, in order", () => {
  for (const [k, fragmentBytes] of [
    [1, 64],
    [3, cellBytes],
    [3, cellBytes + 1],
    [6, 3 * cellBytes + 100],
  ] as const) {
    const segment = new Uint8Array(k * fragmentBytes);
    let at = 0;
    for (let stripe = 0; stripe < cellCount(fragmentBytes); stripe++) {
      for (const cell of segmentCells(segment, k, fragmentBytes, stripe)) {
        assert.equal(cell.byteOffset, at);
        assert.equal(cell.length, cellLength(fragmentBytes, stripe));
        at += cell.length;
      }
    }
    assert.equal(at, segment.length);
  }
});

test("the stripes of a range are those whose bytes it touches", () => {
  const k = 3;
  const fragmentBytes = 2 * cellBytes + 64;
  assert.deepEqual(stripesOf({ start: 0, end: 1 }, k, fragmentBytes), { first: 0, end: 1 });
  assert.deepEqual(stripesOf({ start: 3 * cellBytes, end: 3 * cellBytes + 1 }, k, fragmentBytes), { first: 1, end: 2 });
  const whole = { start: 0, end: k * fragmentBytes };
  assert.deepEqual(stripesOf(whole, k, fragmentBytes), { first: 0, end: 3 });
  const last = { start: whole.end - 1, end: whole.end };
  assert.deepEqual(stripesOf(last, k, fragmentBytes), { first: 2, end: 3 });
});

test("every cell is proven by its path, and by no other cell's path, position or length", () => {
  for (const cells of [1, 2, 3, 5, 8, 13]) {
    const fragment = new Uint8Array(cells * cellBytes - 7).map((_, at) => Math.floor(at / cellBytes));
    const leaves = leavesOf(fragment);
    const root = fragmentRoot(leaves, fragment.length, hash);
    for (const [index, leaf] of leaves.entries()) {
      const proof = { leaf, index, path: merklePath(leaves, index, hash), fragmentBytes: fragment.length, root };
      assert.ok(verifyMerklePath(proof, hash));
      assert.ok(!verifyMerklePath({ ...proof, leaf: hash(leaf) }, hash));
      assert.ok(!verifyMerklePath({ ...proof, index: index + 1 }, hash));
      assert.ok(!verifyMerklePath({ ...proof, fragmentBytes: fragment.length - 1 }, hash));
      assert.ok(!verifyMerklePath({ ...proof, path: [...proof.path, leaf] }, hash));
      assert.ok(cells === 1 || !verifyMerklePath({ ...proof, path: proof.path.slice(1) }, hash));
    }
  }
});

test("a segment root changes with everything it binds", () => {
  const roots = [hash(Uint8Array.of(1)), hash(Uint8Array.of(2))];
  const segment = {
    account: new Uint8Array(32),
    segmentId: new Uint8Array(16),
    k: 1,
    n: 2,
    fragmentBytes: 64,
    roots,
  };
  const others = [
    { ...segment, account: new Uint8Array(32).fill(1) },
    { ...segment, segmentId: new Uint8Array(16).fill(1) },
    { ...segment, k: 2 },
    { ...segment, fragmentBytes: 65 },
    { ...segment, roots: roots.toReversed() },
  ];
  const seen = new Set([segment, ...others].map((one) => segmentRoot(one, hash).toHex()));
  assert.equal(seen.size, others.length + 1);
});

test("a header survives its encoding, and every shortened or impossible one is refused", () => {
  const header = {
    key: { account: new Uint8Array(32).fill(3), segmentId: new Uint8Array(16).fill(4), index: 2 },
    k: 2,
    n: 3,
    fragmentBytes: 640,
    roots: [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte)),
  };
  const bytes = encodeHeader(header);
  assert.deepEqual(decodeHeader(bytes), header);
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeHeader(bytes.subarray(0, length)), isMalformed);
  }
  assert.throws(() => decodeHeader(new Uint8Array([...bytes, 0])), isMalformed);
  for (const [at, value] of [
    [0, 2],
    [49, 3],
    [50, 0],
    [50, 4],
    [52, 0x7f],
  ] as const) {
    assert.throws(() => decodeHeader(bytes.with(at, value)), isMalformed, `byte ${at}`);
  }
});

test("masking twice gives the cell back, and two copies, cells or segments never share a mask", () => {
  const maskKey = new Uint8Array(32).fill(9);
  const zeros = new Uint8Array(100);
  const key = { account: new Uint8Array(32), segmentId: new Uint8Array(16), index: 0 };
  const masked = maskCell(maskKey, key, 0, zeros);
  assert.deepEqual(new Uint8Array(maskCell(maskKey, key, 0, masked)), zeros);
  const all = [
    masked,
    maskCell(maskKey, { ...key, index: 1 }, 0, zeros),
    maskCell(maskKey, { ...key, segmentId: new Uint8Array(16).fill(1) }, 0, zeros),
    maskCell(maskKey, key, 1, zeros),
    maskCell(new Uint8Array(32), key, 0, zeros),
  ];
  assert.equal(new Set(all.map((bytes) => new Uint8Array(bytes).toHex())).size, all.length);
});
