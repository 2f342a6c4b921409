import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { checkedBytes, planCheck } from "./resume-plan.ts";

test("nothing committed means nothing to check", () => {
  assert.deepEqual(planCheck([]), []);
});

test("the first segment is asked about alone, so that a wrong file is noticed at once", () => {
  const [first, second] = planCheck([10, 20, 30]);
  assert.deepEqual(first, { fromSegment: 0, segments: [{ index: 0, start: 0, end: 10 }] });
  assert.deepEqual(second?.segments, [
    { index: 1, start: 10, end: 30 },
    { index: 2, start: 30, end: 60 },
  ]);
});

test("batches cover every segment once, in order and without gaps", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 1 << 23 }), { maxLength: 100 }), (lengths) => {
      const batches = planCheck(lengths);
      const ranges = batches.flatMap(({ segments }) => segments);
      assert.deepEqual(
        ranges.map(({ index }) => index),
        lengths.map((_, index) => index),
      );
      let end = 0;
      for (const range of ranges) {
        assert.equal(range.start, end);
        end = range.end;
      }
      assert.equal(end, checkedBytes(lengths));
      for (const { fromSegment, segments } of batches) assert.equal(segments[0]?.index, fromSegment);
    }),
  );
});
