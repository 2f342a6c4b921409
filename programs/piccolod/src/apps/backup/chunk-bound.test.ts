import assert from "node:assert/strict";
import { test } from "node:test";
import { readerOf } from "../../../test-support/huge-copy.ts";
import { exceedsBound } from "./chunk-bound.ts";

const looked = (): void => undefined;

test("a copy with more chunks than one backup can name exceeds it, all volumes together", async () => {
  assert.ok(await exceedsBound([readerOf("1111")], 3, looked));
  assert.ok(await exceedsBound([readerOf("11"), readerOf("u11")], 3, looked));
  assert.ok(!(await exceedsBound([readerOf("11"), readerOf("u1")], 3, looked)));
});

test("what the file system does not use is not read for it, nor anything where no more is used than a backup can name", async () => {
  const [fits, large] = [readerOf("1110"), readerOf("u11u101")];
  assert.ok(!(await exceedsBound([fits], 4, looked)));
  assert.equal(fits.reads, 0);
  assert.ok(await exceedsBound([large], 3, looked));
  assert.equal(large.reads, 5);
});

test("zeros that the file system uses do not count", async () => {
  assert.ok(!(await exceedsBound([readerOf("1010100")], 3, looked)));
});

test("who waits for it hears that it goes on, and can end it", async () => {
  let count = 0;
  const ended = exceedsBound([readerOf("11111")], 4, () => {
    count += 1;
    if (count === 2) throw new Error("it is not wanted any more");
  });
  await assert.rejects(ended, /not wanted/);
});
