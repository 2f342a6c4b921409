import assert from "node:assert/strict";
import { test } from "node:test";
import { nameProblem, stemLength } from "./names.ts";

test("names no folder could hold are refused with a reason", () => {
  for (const name of ["", "  ", ".", "..", "a/b", "a\nb", "ä".repeat(128)]) assert.ok(nameProblem(name), name);
  for (const name of ["a", "Räume 2026", ".profile", "a\\b", "ä".repeat(127)])
    assert.equal(nameProblem(name), undefined);
});

test("a rename selects what stands before the extension", () => {
  assert.equal(stemLength("photo.jpg"), 5);
  assert.equal(stemLength("archive.tar.gz"), 11);
  assert.equal(stemLength(".profile"), 8);
  assert.equal(stemLength("README"), 6);
});
