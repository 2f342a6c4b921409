import assert from "node:assert/strict";
import { test } from "node:test";
import { linesMax, parseLine, type ShownLine, withLines } from "./log-lines.ts";

const line = (key: number, atMs: number, service = "web"): ShownLine => ({
  key,
  atMs,
  service,
  stream: "out",
  text: `${key}`,
});

test("what is no line is passed over", () => {
  for (const data of [
    "",
    "null",
    "1",
    "{}",
    '{"service":"web","text":"x"}',
    '{"service":1,"atMs":1,"text":"x"}',
    "{",
  ]) {
    assert.equal(parseLine(data), undefined, data);
  }
  const good = { service: "web", atMs: 1, stream: "err", text: "x" };
  assert.deepEqual(parseLine(JSON.stringify(good)), good);
});

test("lines of several parts stand in the order of time, those of one moment in the order they came", () => {
  const web = withLines([], [line(1, 10), line(2, 20), line(3, 20)]);
  const both = withLines(web, [line(4, 5, "db"), line(5, 20, "db"), line(6, 15, "db")]);
  assert.deepEqual(
    both.map(({ key }) => key),
    [4, 1, 6, 2, 3, 5],
  );
});

test("of too many the oldest go", () => {
  const many = Array.from({ length: linesMax + 5 }, (_, at) => line(at, at));
  const kept = withLines(many.slice(0, linesMax), many.slice(linesMax));
  assert.equal(kept.length, linesMax);
  assert.equal(kept[0]?.key, 5);
});
