import assert from "node:assert/strict";
import { test } from "node:test";
import { ClockEvidence } from "./clock-evidence.ts";

const hourMs = 3_600_000;
const device = (number: number): Uint8Array => new Uint8Array(32).fill(number);
const cause = new Error("the connection closed");

test("clocks within the hour, and devices nothing is known of, explain no failure", () => {
  const clocks = new ClockEvidence();
  assert.equal(clocks.faultFor(device(1), cause), undefined);
  clocks.note(device(1), 0.9 * hourMs);
  clocks.note(device(2), -0.9 * hourMs);
  assert.equal(clocks.faultFor(device(1), cause), undefined);
  assert.equal(clocks.faultFor(device(2), cause), undefined);
});

test("a single device that is off by hours has the wrong clock, and the message says by how much", () => {
  const clocks = new ClockEvidence();
  clocks.note(device(1), 5 * hourMs);
  clocks.note(device(2), 10);
  clocks.note(device(3), -20);
  const fault = clocks.faultFor(device(1), cause);
  assert.equal(fault?.code, "peer-clock");
  assert.equal(fault.message, "the other device's clock seems to be 5.0 hours ahead; correct it");
  assert.deepEqual(fault.details, { whose: "peer", offsetMs: 5 * hourMs });
});

test("where most devices are off in one direction, it is this device's clock that is wrong", () => {
  const clocks = new ClockEvidence();
  for (const number of [1, 2, 3]) clocks.note(device(number), 2 * hourMs);
  clocks.note(device(4), 0);
  const fault = clocks.faultFor(device(2), cause);
  assert.equal(fault?.message, "this device's clock seems to be 2.0 hours behind; correct it");
  assert.equal(fault.details["whose"], "own");
});

test("devices that are off in different directions do not make this device's clock wrong", () => {
  const clocks = new ClockEvidence();
  clocks.note(device(1), 2 * hourMs);
  clocks.note(device(2), -2 * hourMs);
  assert.equal(clocks.faultFor(device(1), cause)?.details["whose"], "peer");
});

test("a certificate that is not valid yet names the clocks without an amount, until a connection comes about", () => {
  const clocks = new ClockEvidence();
  clocks.noteAhead(device(1));
  const fault = clocks.faultFor(device(1), cause);
  assert.equal(fault?.message, "the other device's clock seems to be ahead by more than an hour; correct it");
  clocks.noteAhead(device(2));
  assert.match(clocks.faultFor(device(1), cause)?.message ?? "", /this device's clock seems to be behind/);
  clocks.noteAgreement(device(1));
  assert.equal(clocks.faultFor(device(1), cause), undefined);
});
