import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { countedFragmentBytes, type HeldFragment, type HolderIndex } from "../ports/index.ts";
import { id, type Make, pattern } from "./suite.ts";

function held(account: number, segment: number, sizeBytes = 100, index = 3): HeldFragment {
  return {
    key: { account: id(32, account), segmentId: id(16, segment), index },
    root: pattern(32, segment),
    sizeBytes,
    storedAtMs: 1_800_000_000_000 + segment,
  };
}

const segments = (entries: Iterable<HeldFragment>): number[] =>
  [...entries].map(({ key }) => new DataView(key.segmentId.buffer, key.segmentId.byteOffset).getUint32(12));

export function holderIndexSuite(name: string, make: Make<HolderIndex>): void {
  suite(`${name} as a holder index`, () => {
    test("an entry that was never put is not there, and deleting it is harmless", async (context) => {
      const index = await make(context);
      assert.equal(index.get(id(32, 1), id(16, 1)), undefined);
      index.delete(id(32, 1), id(16, 1));
      assert.deepEqual([...index.list(id(32, 1), undefined, 10)], []);
      assert.equal(index.usedBytes(), 0);
      assert.equal(index.usedBytes(id(32, 1)), 0);
    });

    test("an entry comes back as it was put", async (context) => {
      const index = await make(context);
      index.put(held(1, 7));
      assert.deepEqual(index.get(id(32, 1), id(16, 7)), held(1, 7));
    });

    test("one owner's entries are not another's, even for one segment id", async (context) => {
      const index = await make(context);
      index.put(held(1, 7, 10));
      index.put(held(2, 7, 20));
      assert.equal(index.usedBytes(id(32, 1)), 10);
      assert.equal(index.usedBytes(id(32, 2)), 20);
      assert.equal(index.usedBytes(), 30);
      index.delete(id(32, 1), id(16, 7));
      assert.equal(index.get(id(32, 1), id(16, 7)), undefined);
      assert.deepEqual(index.get(id(32, 2), id(16, 7)), held(2, 7, 20));
      assert.equal(index.usedBytes(), 20);
    });

    test("putting again replaces the entry and its size", async (context) => {
      const index = await make(context);
      index.put(held(1, 7, 10));
      index.put(held(1, 7, 25, 5));
      assert.deepEqual(index.get(id(32, 1), id(16, 7)), held(1, 7, 25, 5));
      assert.equal(index.usedBytes(id(32, 1)), 25);
      assert.equal(index.usedBytes(), 25);
    });

    test("what counts is a whole number of blocks and something for each fragment", async (context) => {
      const index = await make(context);
      for (const [segment, sizeBytes] of [1, 4_096, 4_097, 70_000].entries()) index.put(held(1, segment, sizeBytes));
      index.put(held(2, 9, 20));
      assert.equal(index.countedBytes(id(32, 2)), 4_096 + 1_024);
      const counted = [1, 4_096, 4_097, 70_000].map(countedFragmentBytes);
      assert.deepEqual(counted, [5_120, 5_120, 9_216, 74_752]);
      assert.equal(index.countedBytes(id(32, 1)), 5_120 + 5_120 + 9_216 + 74_752);
      index.put(held(1, 0, 5_000));
      index.delete(id(32, 1), id(16, 3));
      assert.equal(index.countedBytes(id(32, 1)), 9_216 + 5_120 + 9_216);
      assert.equal(index.countedBytes(), index.countedBytes(id(32, 1)) + index.countedBytes(id(32, 2)));
      assert.equal(index.countedBytes(id(32, 3)), 0);
    });

    test("a list goes on after a segment, in order, within its limit", async (context) => {
      const index = await make(context);
      for (const segment of [5, 1, 300, 2, 4]) index.put(held(1, segment));
      index.put(held(2, 3));
      assert.deepEqual(segments(index.list(id(32, 1), undefined, 3)), [1, 2, 4]);
      assert.deepEqual(segments(index.list(id(32, 1), id(16, 4), 3)), [5, 300]);
      assert.deepEqual(segments(index.list(id(32, 1), id(16, 3), 1)), [4]);
    });

    test("all entries are named once", async (context) => {
      const index = await make(context);
      for (const segment of [5, 1, 2]) index.put(held(segment % 2, segment));
      assert.deepEqual(
        segments(index.all()).sort((a, b) => a - b),
        [1, 2, 5],
      );
    });

    test("entries may be deleted while all are looked at", async (context) => {
      const index = await make(context);
      for (let segment = 0; segment < 50; segment++) index.put(held(1, segment));
      for (const { key } of index.all()) index.delete(key.account, key.segmentId);
      assert.equal(index.usedBytes(), 0);
      assert.deepEqual([...index.all()], []);
    });
  });
}
