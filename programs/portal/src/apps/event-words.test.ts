import assert from "node:assert/strict";
import { test } from "node:test";
import { eventInWords, isBad } from "./event-words.ts";

test("an end says its code where it is known, and is one to look at", () => {
  const ended = { atMs: 1, kind: "ended", service: "web" } as const;
  assert.equal(eventInWords({ ...ended, exitCode: 137 }).title, '"web" ended by itself, with the code 137');
  assert.equal(eventInWords(ended).title, '"web" ended by itself');
  assert.ok(isBad(ended));
  assert.ok(!isBad({ kind: "restarted" }));
});

test("a change that was given up says which, and why in the device's words", () => {
  const event = { atMs: 1, kind: "given-up", change: "update", version: "2", code: "x", detail: "No answer." } as const;
  assert.deepEqual(eventInWords(event), { title: "The update did not succeed (version 2)", detail: "No answer." });
});
