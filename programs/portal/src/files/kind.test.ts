import assert from "node:assert/strict";
import { test } from "node:test";
import { fileKind, hasPreview } from "./kind.ts";

test("the media type decides before the name does", () => {
  assert.equal(fileKind({ name: "a.zip", mediaType: "image/png" }), "image");
  assert.equal(fileKind({ name: "a.ZIP", mediaType: "application/octet-stream" }), "archive");
  assert.equal(fileKind({ name: "notes", mediaType: "text/plain" }), "document");
  assert.equal(fileKind({ name: "zip" }), "archive");
  assert.equal(fileKind({ name: "unknown" }), "other");
});

test("only pictures every browser knows, and of a bearable size, are shown", () => {
  assert.ok(hasPreview({ mediaType: "image/jpeg", sizeBytes: 4_000_000 }));
  assert.ok(!hasPreview({ mediaType: "image/jpeg", sizeBytes: 40_000_000 }));
  assert.ok(!hasPreview({ mediaType: "image/jpeg", sizeBytes: 0 }));
  assert.ok(!hasPreview({ mediaType: "image/svg+xml", sizeBytes: 10 }));
  assert.ok(!hasPreview({}));
});
