import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeCpio } from "./cpio.ts";

test("an absolute path is refused", () => {
  assert.throws(() => encodeCpio([{ path: "/x", content: new Uint8Array() }]));
});

test("folders come before what is in them, once, and the archive ends as the kernel expects", () => {
  const text = Buffer.from(
    encodeCpio([
      { path: "usr/lib/a", content: Buffer.from("A") },
      { path: "usr/lib/b", content: Buffer.from("BB") },
    ]),
  );
  assert.equal(text.length % 512, 0);
  const names = [...text.toString("latin1").matchAll(/070701[0-9a-f]{104}([^\0]+)\0/g)].map((match) => match[1]);
  assert.deepEqual(names, ["usr", "usr/lib", "usr/lib/a", "usr/lib/b", "TRAILER!!!"]);
});

test("the same files give the same bytes", () => {
  const files = [{ path: "a", content: Buffer.from("content") }];
  assert.deepEqual(encodeCpio(files), encodeCpio(files));
});
