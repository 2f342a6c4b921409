import assert from "node:assert/strict";
import { test } from "node:test";
import { entryAddress } from "./entry.ts";

test("an address that names no app leads nowhere", () => {
  for (const search of ["", "?open=", "?open=../x", "?open=A", `?open=${"a".repeat(33)}`, "?path=/x"])
    assert.equal(entryAddress(search), undefined);
});

test("only a path of the app itself is kept", () => {
  const path = (value: string): string | null =>
    new URLSearchParams(entryAddress(`?open=notes&path=${encodeURIComponent(value)}`)?.split("?")[1]).get("path");
  assert.equal(path("/a?b=c"), "/a?b=c");
  for (const value of ["//evil.example", "/\\evil.example", "https://evil.example", ""]) assert.equal(path(value), "/");
});
