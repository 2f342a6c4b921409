import assert from "node:assert/strict";
import { test } from "node:test";
import { screenLines } from "./screen-lines.ts";

const facts = {
  version: "1",
  deviceName: "hall",
  origin: "https://piccolo.local",
  fingerprint: "AA:BB",
  reasons: [],
  takesSecret: false,
  hasForgottenTime: false,
  claimCode: "code",
};

test("the screen of a device without an owner has its address, its fingerprint and its claim code", () => {
  assert.deepEqual(screenLines(facts), [
    "Piccolo-OS 1   hall",
    "",
    "Open https://piccolo.local/ in a browser on this network.",
    "Fingerprint of its authority (SHA-256):",
    "AA:BB",
    "",
    "Claim code: code",
  ]);
});

test("a device that does not know the time says so in one line, claimed or not, closed or open", () => {
  const closed = { fingerprint: undefined, reasons: ["The disk is gone."], takesSecret: true, claimCode: undefined };
  for (const more of [{}, { claimCode: undefined }, closed]) {
    const [last = ""] = screenLines({ ...facts, ...more, hasForgottenTime: true }).slice(-1);
    assert.match(last, /clock lost the time/);
    assert.ok(last.length <= 110, "it fits where the other lines do");
    assert.doesNotMatch(screenLines({ ...facts, ...more }).join(), /clock/);
  }
});
