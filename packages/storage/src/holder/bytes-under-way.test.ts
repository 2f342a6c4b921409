import assert from "node:assert/strict";
import { test } from "node:test";
import { BytesUnderWay } from "./bytes-under-way.ts";

const limits = { mostPerMember: 32, mostOfAll: 96 };

/** Takes single bytes until there are no more for this member; returns how many it got. */
function takeAll(bytes: BytesUnderWay, member: string): number {
  let taken = 0;
  while (bytes.reserve(member, 1) !== undefined) taken++;
  return taken;
}

test("a member alone has its whole share", () => {
  assert.equal(takeAll(new BytesUnderWay(limits), "one"), 32);
});

test("members who hold on to all they get leave something to the next", () => {
  const bytes = new BytesUnderWay(limits);
  assert.deepEqual(
    ["one", "two", "three", "four", "five"].map((member) => takeAll(bytes, member)),
    [32, 32, 16, 8, 4],
  );
});

test("what is given back, even twice, can be had once", () => {
  const bytes = new BytesUnderWay({ mostPerMember: 10, mostOfAll: 100 });
  const giveBack = bytes.reserve("one", 10);
  assert.equal(bytes.reserve("one", 1), undefined);
  giveBack?.();
  giveBack?.();
  assert.ok(bytes.reserve("one", 10) !== undefined);
  assert.equal(bytes.reserve("one", 1), undefined);
});

test("nothing is refused to who asks for nothing", () => {
  const bytes = new BytesUnderWay(limits);
  takeAll(bytes, "one");
  assert.ok(bytes.reserve("one", 0) !== undefined);
});
