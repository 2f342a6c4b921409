import assert from "node:assert/strict";
import { test } from "node:test";
import { DeviceRefusal } from "@piccolo/device-api/client";
import { isTurnedAway, problemOfText, troubleOf, waitOf } from "./problem.ts";

const refusal = (details?: Record<string, unknown>, code = "too-many-attempts", status = 429): DeviceRefusal =>
  new DeviceRefusal({
    type: "about:blank",
    title: "Refused",
    status,
    code,
    detail: "Wait a moment before the next attempt.",
    retry: true,
    ...(details === undefined ? {} : { details }),
  });

test("an error of the page itself does not pretend to come from the device", () => {
  assert.equal(troubleOf(new TypeError("x is undefined")).code, "portal-failed");
});

test("a refusal is shown with the device's own sentence", () => {
  assert.deepEqual(troubleOf(refusal()), {
    code: "too-many-attempts",
    detail: "Wait a moment before the next attempt.",
    retry: true,
    status: 429,
  });
});

test("a waiting time is taken from the refusal's details", () => {
  assert.equal(waitOf(new Error("no refusal")), 0);
  assert.equal(waitOf(refusal()), 0);
  assert.equal(waitOf(refusal({ retryAfterMs: 4000 })), 4000);
  assert.equal(waitOf(refusal({ retryAfterSeconds: 2 })), 2000);
  assert.equal(waitOf(refusal({ retryAfterMs: -5 })), 0);
});

test("a reply without a problem is worded by its status", () => {
  assert.equal(problemOfText(0, "").code, "device-unreachable");
  // The reply to HEAD has no body.
  assert.equal(problemOfText(401, "").code, "sign-in-required");
  assert.equal(problemOfText(423, "").code, "locked");
  assert.equal(problemOfText(423, "").retry, true);
  assert.equal(problemOfText(502, "<html>").retry, true);
  assert.equal(problemOfText(400, "{}").code, "unexpected-reply");
  assert.equal(problemOfText(409, JSON.stringify({ code: "name-taken", detail: "Taken." })).code, "name-taken");
});

test("only another state of the device or its session than the page shows turns it away", () => {
  assert.equal(isTurnedAway(refusal({}, "wrong-password", 401)), false);
  assert.equal(isTurnedAway(refusal({}, "upload-busy", 423)), false);
  assert.equal(isTurnedAway(new Error("401")), false);
  assert.equal(isTurnedAway(refusal({}, "sign-in-required", 401)), true);
  assert.equal(isTurnedAway(refusal({}, "locked", 423)), true);
  assert.equal(isTurnedAway(refusal({}, "closed", 423)), true);
  // Another tab set the device up, or reset it.
  assert.equal(isTurnedAway(refusal({}, "already-claimed", 409)), true);
  assert.equal(isTurnedAway(refusal({}, "not-claimed", 409)), true);
});
