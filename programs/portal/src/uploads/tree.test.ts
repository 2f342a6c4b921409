import assert from "node:assert/strict";
import { test } from "node:test";
import { foldersOfRelativePath, foldersToMake } from "./tree.ts";

test("files without folders need none", () => {
  assert.deepEqual(foldersToMake({ files: [{ folders: [], file: 1 }], folders: [] }), []);
});

test("each folder is made once, parents first", () => {
  assert.deepEqual(
    foldersToMake({
      files: [
        { folders: ["a", "b", "c"], file: 1 },
        { folders: ["a"], file: 2 },
        { folders: ["a", "b"], file: 3 },
        { folders: ["d"], file: 4 },
      ],
      folders: [["d"]],
    }),
    [["a"], ["d"], ["a", "b"], ["a", "b", "c"]],
  );
});

test("a folder without files is made, and so are those above it", () => {
  assert.deepEqual(foldersToMake({ files: [], folders: [["a", "b"]] }), [["a"], ["a", "b"]]);
});

test("a picker's relative path names the folders and then the file", () => {
  assert.deepEqual(foldersOfRelativePath("Holiday/Day 1/a.jpg"), ["Holiday", "Day 1"]);
  assert.deepEqual(foldersOfRelativePath("a.jpg"), []);
  assert.deepEqual(foldersOfRelativePath(""), []);
});
