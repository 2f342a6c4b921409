import assert from "node:assert/strict";
import { test } from "node:test";
import { foldersOfRelativePath, foldersToMake } from "./tree.ts";

test("files without folders need none", () => {
  assert.deepEqual(foldersToMake([{ folders: [], file: 1 }]), []);
});

test("each folder is made once, parents first", () => {
  assert.deepEqual(
    foldersToMake([
      { folders: ["a", "b", "c"], file: 1 },
      { folders: ["a"], file: 2 },
      { folders: ["a", "b"], file: 3 },
      { folders: ["d"], file: 4 },
    ]),
    [["a"], ["d"], ["a", "b"], ["a", "b", "c"]],
  );
});

test("a picker's relative path names the folders and then the file", () => {
  assert.deepEqual(foldersOfRelativePath("Holiday/Day 1/a.jpg"), ["Holiday", "Day 1"]);
  assert.deepEqual(foldersOfRelativePath("a.jpg"), []);
  assert.deepEqual(foldersOfRelativePath(""), []);
});
