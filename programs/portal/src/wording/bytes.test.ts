import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesInWords, percentInWords, progressInWords, rateInWords } from "./bytes.ts";

test("a size that is no size is not made up", () => {
  assert.equal(bytesInWords(-1), "unknown size");
  assert.equal(bytesInWords(Number.NaN), "unknown size");
});

test("sizes are written in the unit a person would choose", () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, "0 bytes"],
    [1, "1 byte"],
    [999, "999 bytes"],
    [1000, "1 KB"],
    [1234, "1.2 KB"],
    [9_949, "9.9 KB"],
    [9_960, "10 KB"],
    [999_499, "999 KB"],
    [999_600, "1 MB"],
    [8_388_608, "8.4 MB"],
    [5_500_000_000, "5.5 GB"],
    [2e18, "2000 PB"],
  ];
  for (const [bytes, words] of cases) assert.equal(bytesInWords(bytes), words);
});

test("a rate is a size a second", () => {
  assert.equal(rateInWords(3_400_000), "3.4 MB/s");
});

test("progress names the unit once where both sizes share it", () => {
  assert.equal(progressInWords(1_200_000_000, 8_000_000_000), "1.2 of 8 GB");
  assert.equal(progressInWords(300_000_000, 8_000_000_000), "300 MB of 8 GB");
});

test("a hundred percent is said only when everything is there", () => {
  assert.equal(percentInWords(999_999, 1_000_000), "99 %");
  assert.equal(percentInWords(1_000_000, 1_000_000), "100 %");
  assert.equal(percentInWords(0, 0), "0 %");
});
