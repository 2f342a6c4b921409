import assert from "node:assert/strict";
import { test } from "node:test";
import { chunkPlainBytes, createExtentOpener } from "@piccolo/envelope";
import fc from "fast-check";
import { paddedFragmentBytes } from "../fragment/index.ts";
import type { ExtentRecord, SegmentRecord } from "../ports/index.ts";
import { id } from "../suites/suite.ts";
import { extentPlainBytes } from "./index.ts";
import { planBlocks } from "./version-reader.ts";

const fek = new Uint8Array(32);
const versionId = new Uint8Array(16);

function placed(ordinal: number, plainBytes: number, k: number): { extent: ExtentRecord; segment: SegmentRecord } {
  const segmentId = id(16, ordinal);
  return {
    extent: { versionId, ordinal, segmentId, offsetBytes: 0, plainBytes, salt: id(16, ordinal) },
    segment: {
      segmentId,
      segmentRoot: new Uint8Array(32),
      k,
      n: k,
      sealedBytes: plainBytes + 16,
      fragmentBytes: paddedFragmentBytes(plainBytes + 16, k),
      holders: [],
      placed: [],
      state: "placed",
      createdAtMs: 0,
    },
  };
}

function segmentAt(extents: readonly ReturnType<typeof placed>[], ordinal: number): SegmentRecord {
  const segment = extents[ordinal]?.segment;
  assert.ok(segment !== undefined);
  return segment;
}

const anyExtent = fc.record({
  plainBytes: fc.oneof(
    fc.integer({ min: 1, max: 200_000 }),
    fc.constantFrom(1, chunkPlainBytes - 1, chunkPlainBytes, chunkPlainBytes + 1, extentPlainBytes),
    fc.integer({ min: 1, max: extentPlainBytes }),
  ),
  k: fc.integer({ min: 1, max: 40 }),
});

test("the blocks of a range cover each of its bytes exactly once, in order, and fetch no chunk twice or in vain", () => {
  fc.assert(
    fc.property(
      fc.array(anyExtent, { maxLength: 5 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (shapes, one, other) => {
        const extents = shapes.map(({ plainBytes, k }, ordinal) => placed(ordinal, plainBytes, k));
        const total = shapes.reduce((sum, { plainBytes }) => sum + plainBytes, 0);
        const start = Math.floor(total * Math.min(one, other));
        const end = Math.floor(total * Math.max(one, other));
        const bases = extents.map((_, at) => shapes.slice(0, at).reduce((sum, { plainBytes }) => sum + plainBytes, 0));
        let at = start;
        const blocks = planBlocks(
          extents.map(({ extent }) => extent),
          { start, end },
          ({ ordinal }) => segmentAt(extents, ordinal),
          ({ ordinal, salt, plainBytes }) => createExtentOpener({ fek, versionId, ordinal, salt, plainBytes }),
        );
        for (const block of blocks) {
          const base = bases[block.extent.ordinal] ?? 0;
          assert.ok(block.firstChunk < block.endChunk);
          for (let chunk = block.firstChunk; chunk < block.endChunk; chunk++) {
            const chunkStart = chunk * chunkPlainBytes;
            const chunkEnd = Math.min(block.extent.plainBytes, chunkStart + chunkPlainBytes);
            const from = Math.max(block.wanted.start, chunkStart);
            const to = Math.min(block.wanted.end, chunkEnd);
            assert.ok(from < to, "a chunk nobody wants is not fetched");
            assert.equal(base + from, at);
            at = base + to;
          }
          const isLast = block.endChunk === Math.ceil(block.wanted.end / chunkPlainBytes);
          assert.ok(isLast || block.endChunk % block.segment.k === 0, "a block ends where a stripe does");
        }
        assert.equal(at, end);
      },
    ),
  );
});

test("an empty range, and a version without content, need no block", () => {
  const opener = (extent: ExtentRecord): ReturnType<typeof createExtentOpener> =>
    createExtentOpener({ fek, ...extent });
  const { extent, segment } = placed(0, 100, 1);
  assert.deepEqual([...planBlocks([], { start: 0, end: 0 }, () => segment, opener)], []);
  assert.deepEqual([...planBlocks([extent], { start: 50, end: 50 }, () => segment, opener)], []);
});
