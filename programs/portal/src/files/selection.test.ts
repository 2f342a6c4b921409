import assert from "node:assert/strict";
import { test } from "node:test";
import { extend, keepOnly, nothingSelected, selectAll, toggle, type Selection } from "./selection.ts";

const rows = ["a", "b", "c", "d"];
const ids = (selection: Selection): readonly string[] => [...selection.ids].sort();

test("rows that went away are forgotten, and nothing else changes", () => {
  const chosen = selectAll(rows);
  assert.equal(keepOnly(chosen, rows), chosen);
  assert.deepEqual(ids(keepOnly(chosen, ["b", "x"])), ["b"]);
});

test("rows are chosen and let go one by one", () => {
  const one = toggle(nothingSelected, "b", true);
  assert.deepEqual(ids(one), ["b"]);
  assert.deepEqual(ids(toggle(one, "b", false)), []);
  assert.deepEqual(ids(nothingSelected), []);
});

test("a range goes from the last choice to this one, in both directions", () => {
  assert.deepEqual(ids(extend(toggle(nothingSelected, "b", true), "d", rows)), ["b", "c", "d"]);
  assert.deepEqual(ids(extend(toggle(nothingSelected, "c", true), "a", rows)), ["a", "b", "c"]);
});

test("a range without a beginning is a single choice", () => {
  assert.deepEqual(ids(extend(nothingSelected, "c", rows)), ["c"]);
  assert.deepEqual(ids(extend(toggle(nothingSelected, "gone", true), "c", rows)), ["c", "gone"]);
});
