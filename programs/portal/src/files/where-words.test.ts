import assert from "node:assert/strict";
import { test } from "node:test";
import type { Placement } from "../api/queries.ts";
import { holdersOf, whereInWords } from "./where-words.ts";

const holder = (name: string, fragments = 4): Placement["holders"][number] => ({
  account: name,
  name,
  online: true,
  fragments,
  bytes: 1000,
});
const placement = (more: Partial<Placement> = {}): Placement => ({
  versionId: "v",
  sizeBytes: 9_000_000,
  k: 3,
  n: 9,
  survives: 6,
  expansion: 3,
  ninesPerYear: 11.2,
  pendingBytes: 0,
  segments: 2,
  holders: Array.from("abcdefghi").map((name) => holder(name)),
  missingNow: 0,
  readableNow: true,
  ...more,
});

test("a file that cannot be read says what has to happen, and that it is not lost", () => {
  const words = whereInWords(placement({ readableNow: false, missingNow: 2 }), "");
  assert.equal(words.tone, "danger");
  assert.match(words.lead, /2 devices must come back online/);
  assert.match(words.more ?? "", /not lost/);
});

test("what lies only on this device comes with the reason", () => {
  const words = whereInWords(placement({ pendingBytes: 9_000_000, holders: [] }), "Too few devices are online.");
  assert.deepEqual(words, {
    tone: "warn",
    lead: "Only on this device so far.",
    more: "Too few devices are online. It is handed on as soon as enough devices take it.",
  });
  assert.match(whereInWords(placement({ pendingBytes: 1_000_000 }), "").lead, /^1 MB of it are only on this device/);
});

test("a file nothing more may happen to is a warning", () => {
  assert.equal(whereInWords(placement({ survives: 0 }), "").tone, "warn");
});

test("a file that is safe is said to be so in two short sentences", () => {
  assert.deepEqual(whereInWords(placement(), ""), {
    tone: "calm",
    lead: "Stored on 9 devices. Up to 6 can be lost.",
    more: undefined,
  });
  assert.equal(whereInWords(placement({ survives: 1 }), "").lead, "Stored on 9 devices. 1 can be lost.");
});

test("an empty file needs no place", () => {
  assert.match(whereInWords(placement({ sizeBytes: 0, holders: [] }), "").lead, /empty/);
});

test("devices without a piece are no holders", () => {
  assert.equal(holdersOf(placement({ holders: [holder("a"), holder("b", 0)] })).length, 1);
});
