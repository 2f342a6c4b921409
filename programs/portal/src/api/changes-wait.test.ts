import assert from "node:assert/strict";
import { test } from "node:test";
import { ChangesWait } from "./changes-wait.ts";

function setUp() {
  const wait = new ChangesWait();
  let told = 0;
  const stop = wait.listen(() => void told++);
  return { wait, stop, told: () => told };
}

test("an answer that waits is shown once, until a change is confirmed or the device says that nothing waits", () => {
  const { wait, told } = setUp();
  assert.equal(wait.waits, false);
  wait.answered("POST", "/files/folders", "waiting");
  wait.answered("PATCH", "/uploads/7", "waiting");
  assert.deepEqual([wait.waits, told()], [true, 1]);
  wait.answered("DELETE", "/files/7", null);
  assert.deepEqual([wait.waits, told()], [false, 2]);
  wait.answered("POST", "/files/folders", "waiting");
  wait.seen(undefined);
  wait.seen(true);
  assert.equal(wait.waits, true);
  wait.seen(false);
  assert.deepEqual([wait.waits, told()], [false, 4]);
});

test("the view of the network that was asked for ends the wait, unless a change was answered meanwhile", () => {
  const { wait } = setUp();
  wait.answered("POST", "/files/folders", "waiting");
  const early = wait.asked();
  wait.answered("POST", "/files/folders", "waiting");
  early(false);
  assert.equal(wait.waits, true);
  const heard = wait.asked();
  wait.answered("GET", "/files", undefined);
  heard(undefined);
  assert.equal(wait.waits, true);
  heard(false);
  assert.equal(wait.waits, false);
});

test("answers to what changes no files say nothing of the changes before", () => {
  const { wait } = setUp();
  wait.answered("POST", "/files/folders", "waiting");
  wait.answered("GET", "/files", undefined);
  wait.answered("POST", "/uploads/7/check", undefined);
  wait.answered("POST", "/network/invitations", undefined);
  assert.equal(wait.waits, true);
});

test("who stopped listening is told nothing", () => {
  const { wait, stop, told } = setUp();
  stop();
  wait.answered("POST", "/files/folders", "waiting");
  assert.equal(told(), 0);
});
