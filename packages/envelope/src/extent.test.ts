import assert from "node:assert/strict";
import { test } from "node:test";
import { concat } from "@piccolo/bytes";
import { SeededWorld } from "@piccolo/world";
import fc from "fast-check";
import {
  chunkCount,
  chunkPlainBytes,
  chunkSealedBytes,
  createExtentOpener,
  createExtentSealer,
  openExtent,
  sealedLength,
  sealExtent,
} from "./extent.ts";
import { newFek } from "./key-tree.ts";

const world = new SeededWorld("extent");
const isDamaged = { name: "Fault", code: "damaged-content", retry: "later" };

function seal(plain: Uint8Array, over: { fek?: Uint8Array; versionId?: Uint8Array; ordinal?: number } = {}) {
  const context = { fek: newFek(world), versionId: world.randomBytes(16), ordinal: 2, ...over };
  const { salt, sealed } = sealExtent({ ...context, world }, plain);
  return { ...context, salt, sealed, plainBytes: plain.length };
}

const plain = world.randomBytes(3 * chunkPlainBytes + 100);
const extent = seal(plain);
const chunks = [0, 1, 2, 3].map((index) =>
  extent.sealed.subarray(index * chunkSealedBytes, (index + 1) * chunkSealedBytes),
);

test("an extent cut short is refused, at a chunk boundary too, and also where the length agrees with the cut", () => {
  for (const [sealedBytes, plainBytes] of [
    [extent.sealed.length - 1, extent.plainBytes],
    [3 * chunkSealedBytes, extent.plainBytes],
    [3 * chunkSealedBytes, 3 * chunkPlainBytes],
    [extent.sealed.length - 1, extent.plainBytes - 1],
    [16, 0],
    [0, 0],
  ] as const) {
    assert.throws(() => openExtent({ ...extent, plainBytes }, extent.sealed.subarray(0, sealedBytes)), isDamaged);
  }
});

test("an extent with bytes added is refused, whole chunks too, and also where the length agrees", () => {
  const [first = plain] = chunks;
  const added = [new Uint8Array(1), new Uint8Array(16), first];
  for (const more of added) {
    assert.throws(() => openExtent(extent, concat(extent.sealed, more)), isDamaged);
    assert.throws(
      () => openExtent({ ...extent, plainBytes: extent.plainBytes + more.length }, concat(extent.sealed, more)),
      isDamaged,
    );
  }
});

test("chunks in any other order, or one in another's place, are refused", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(2), { minLength: 3, maxLength: 3 }), (order) => {
      fc.pre(order.some((from, index) => from !== index));
      const mixed = concat(...order.map((from) => chunks[from] ?? plain), chunks[3] ?? plain);
      assert.throws(() => openExtent(extent, mixed), isDamaged);
    }),
  );
});

test("a chunk opens only at its own index", () => {
  const opener = createExtentOpener(extent);
  for (const [from, sealed] of chunks.entries()) {
    for (let index = 0; index < 4; index++) {
      if (index !== from) assert.throws(() => opener.openChunk(index, sealed), isDamaged);
    }
  }
});

test("a chunk spliced from another extent of the version, or from another version, is refused", () => {
  const otherExtent = seal(plain, { fek: extent.fek, versionId: extent.versionId, ordinal: 3 });
  const otherVersion = seal(plain, { fek: extent.fek });
  for (const other of [otherExtent, otherVersion]) {
    const spliced = new Uint8Array(extent.sealed);
    spliced.set(other.sealed.subarray(chunkSealedBytes, 2 * chunkSealedBytes), chunkSealedBytes);
    assert.throws(() => openExtent(extent, spliced), isDamaged);
  }
});

test("an extent does not open as another position, version or file, or under another salt", () => {
  for (const other of [
    { ordinal: 3 },
    { versionId: world.randomBytes(16) },
    { fek: newFek(world) },
    { salt: world.randomBytes(16) },
  ]) {
    assert.throws(() => openExtent({ ...extent, ...other }, extent.sealed), isDamaged);
  }
});

test("any bit changed in a sealed extent is refused, wherever it lies", () => {
  const small = seal(world.randomBytes(200));
  fc.assert(
    fc.property(fc.nat(small.sealed.length - 1), fc.nat(7), (at, bit) => {
      const changed = new Uint8Array(small.sealed);
      changed[at] = (changed[at] ?? 0) ^ (1 << bit);
      assert.throws(() => openExtent(small, changed), isDamaged);
    }),
  );
});

test("the fault says which chunk of which extent is damaged", () => {
  const changed = new Uint8Array(extent.sealed);
  changed[2 * chunkSealedBytes] = (changed[2 * chunkSealedBytes] ?? 0) ^ 1;
  assert.throws(() => openExtent(extent, changed), { ...isDamaged, details: { ordinal: 2, chunk: 2 } });
});

test("a sealer never seals one index twice, skips none and ends with the last chunk", () => {
  const context = { fek: newFek(world), versionId: world.randomBytes(16), ordinal: 0, world };
  const full = new Uint8Array(chunkPlainBytes);
  const out = new Uint8Array(chunkSealedBytes);
  const sealer = createExtentSealer(context);
  assert.throws(() => sealer.sealChunk(1, false, full, out), assert.AssertionError);
  assert.equal(sealer.sealChunk(0, false, full, out), chunkSealedBytes);
  assert.throws(() => sealer.sealChunk(0, false, full, out), assert.AssertionError);
  assert.throws(() => sealer.sealChunk(1, false, full.subarray(1), out), assert.AssertionError);
  assert.throws(() => sealer.sealChunk(1, true, full.subarray(0, 0), out), assert.AssertionError);
  assert.throws(() => sealer.sealChunk(1, true, new Uint8Array(chunkPlainBytes + 1), out), assert.AssertionError);
  assert.throws(() => sealer.sealChunk(1, true, full, out.subarray(1)), assert.AssertionError);
  assert.equal(sealer.sealChunk(1, true, full.subarray(0, 5), out), 21);
  assert.throws(() => sealer.sealChunk(2, true, full, out), assert.AssertionError);
});

test("a chunk is sealed into the front of the caller's buffer and nothing else there changes", () => {
  const sealer = createExtentSealer({ fek: newFek(world), versionId: world.randomBytes(16), ordinal: 0, world });
  const out = new Uint8Array(100).fill(0xaa);
  const written = sealer.sealChunk(0, true, world.randomBytes(10), out);
  assert.equal(written, 26);
  assert.ok(out.subarray(26).every((byte) => byte === 0xaa));
});

test("sealing the same content twice gives two salts and unlike bytes", () => {
  const again = seal(plain, extent);
  assert.notDeepEqual(again.salt, extent.salt);
  assert.notDeepEqual(again.sealed.subarray(0, 64), extent.sealed.subarray(0, 64));
});

test("sizes: one chunk at least, a full last chunk has no empty one after it", () => {
  assert.deepEqual(
    [0, 1, chunkPlainBytes, chunkPlainBytes + 1, 2 * chunkPlainBytes].map((size) => [
      chunkCount(size),
      sealedLength(size),
    ]),
    [
      [1, 16],
      [1, 17],
      [1, chunkSealedBytes],
      [2, chunkSealedBytes + 17],
      [2, 2 * chunkSealedBytes],
    ],
  );
});

test("an extent of any size opens to what was sealed, whole and chunk by chunk", () => {
  const sizes = fc.oneof(
    fc.nat(300),
    fc.constantFrom(chunkPlainBytes - 1, chunkPlainBytes, chunkPlainBytes + 1, 2 * chunkPlainBytes),
  );
  fc.assert(
    fc.property(sizes, fc.nat(0xffff_ffff), (size, ordinal) => {
      const content = plain.subarray(0, size);
      const sealed = seal(content, { ordinal });
      assert.equal(sealed.sealed.length, sealedLength(size));
      assert.deepEqual(openExtent(sealed, sealed.sealed), new Uint8Array(content));
      const opener = createExtentOpener(sealed);
      const last = opener.chunks - 1;
      assert.deepEqual(
        opener.openChunk(last, sealed.sealed.subarray(last * chunkSealedBytes)),
        new Uint8Array(content.subarray(last * chunkPlainBytes)),
      );
    }),
    { numRuns: 30 },
  );
});
