import assert from "node:assert/strict";
import { test } from "node:test";
import { RequestSlots } from "./request-slots.ts";

const settled = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));
const never = new AbortController().signal;

test("no more than the bound are under way to one device, in the order they came", async () => {
  const slots = new RequestSlots(2);
  const got: number[] = [];
  const gives = await Promise.all([slots.take("a", never), slots.take("a", never)]);
  for (const number of [3, 4]) {
    void slots.take("a", never).then((giveBack) => {
      got.push(number);
      gives.push(giveBack);
    });
  }
  await settled();
  assert.deepEqual(got, []);
  gives[0]?.();
  await settled();
  assert.deepEqual(got, [3]);
  gives[1]?.();
  await settled();
  assert.deepEqual(got, [3, 4]);
});

test("one device does not wait for another", async () => {
  const slots = new RequestSlots(1);
  await slots.take("a", never);
  await slots.take("b", never);
});

test("who stops waiting takes no slot along", async () => {
  const slots = new RequestSlots(1);
  const giveBack = await slots.take("a", never);
  const reason = new Error("not needed");
  const abort = new AbortController();
  const waiting = slots.take("a", abort.signal);
  abort.abort(reason);
  await assert.rejects(waiting, reason);
  const late = new AbortController();
  const handed = slots.take("a", late.signal);
  late.abort(reason);
  giveBack();
  await assert.rejects(handed, reason);
  await slots.take("a", never);
});
