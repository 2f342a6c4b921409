import assert from "node:assert/strict";
import { test } from "node:test";
import { closedInWords } from "./closed-words.ts";

test("a reason nobody has heard of is told in the device's words", () => {
  const words = closedInWords({
    reasons: [{ code: "moon-phase", detail: "Wait for the moon." }],
    opensWith: ["phrase"],
  });
  assert.equal(words.text, "Wait for the moon.");
  assert.equal(words.instead, "");
});

test("a closed device without a reason is starting", () => {
  assert.equal(closedInWords({ reasons: [], opensWith: [] }).title, "The device is starting");
});

test("where nothing typed helps, it says what does", () => {
  const reasons = [{ code: "record-missing", detail: "" }];
  assert.match(closedInWords({ reasons, opensWith: [] }).instead, /reset the device/);
  assert.match(closedInWords({ reasons: [{ code: "tpm-policy", detail: "" }], opensWith: [] }).instead, /off and on/);
});

test("where password or phrase help, nothing else is advised", () => {
  assert.equal(closedInWords({ reasons: [{ code: "tpm-lockout", detail: "" }], opensWith: ["phrase"] }).instead, "");
  assert.match(
    closedInWords({ reasons: [{ code: "ask-at-boot", detail: "" }], opensWith: ["password", "phrase"] }).title,
    /password/,
  );
});
