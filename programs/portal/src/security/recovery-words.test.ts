import assert from "node:assert/strict";
import { test } from "node:test";
import { recoveryTroubleInWords } from "./recovery-words.ts";

test("what nobody has heard of is told in the device's words", () => {
  assert.equal(recoveryTroubleInWords({ code: "moon-phase", detail: "Wait for the moon." }).text, "Wait for the moon.");
  assert.match(recoveryTroubleInWords({ code: "moon-phase", detail: "" }).text, /Try it again/);
});

test("a phrase that opens nothing is not taken for a network that is away", () => {
  assert.match(recoveryTroubleInWords({ code: "phrase-unknown", detail: "" }).text, /under this phrase/);
  assert.match(recoveryTroubleInWords({ code: "central-unreachable", detail: "" }).text, /was not found/);
});

test("where nobody answers, another place to look at is asked for", () => {
  assert.equal(recoveryTroubleInWords({ code: "peer-unreachable", detail: "" }).asksPlace, true);
  assert.equal(recoveryTroubleInWords({ code: "not-enough-fragments", detail: "" }).asksPlace, false);
});

test("a device that has to be reset first says so, and asks for no other place to look at", () => {
  const detail = "This device was the owner's before: reset it, then recover on it again.";
  const trouble = recoveryTroubleInWords({ code: "device-key-used", detail });
  assert.deepEqual(trouble, { text: detail, asksPlace: false, resets: true });
  assert.equal(recoveryTroubleInWords({ code: "clock-wrong", detail: "Set the clock." }).asksPlace, false);
});
