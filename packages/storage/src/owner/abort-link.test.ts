import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { linkAbort } from "./abort-link.ts";

test("a signal that is aborted already aborts at once, with its reason", () => {
  const source = new AbortController();
  source.abort(new Error("over"));
  const controller = new AbortController();
  linkAbort(controller, new AbortController().signal, source.signal);
  assert.equal(controller.signal.reason, source.signal.reason);
});

test("the first of several signals gives the reason", () => {
  const [first, second, controller] = [new AbortController(), new AbortController(), new AbortController()];
  linkAbort(controller, first.signal, second.signal);
  second.abort(new Error("second"));
  first.abort(new Error("first"));
  assert.match(String(controller.signal.reason), /second/);
});

test("an ended link leaves no listener behind and aborts nothing", () => {
  const [source, controller] = [new AbortController(), new AbortController()];
  linkAbort(controller, source.signal)();
  assert.equal(getEventListeners(source.signal, "abort").length, 0);
  source.abort();
  assert.ok(!controller.signal.aborted);
});
