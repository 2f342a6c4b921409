import assert from "node:assert/strict";
import { test } from "node:test";
import { goesOn, rotation, type RotationStep } from "./rotation.ts";

const step = (release: RotationStep["release"]): RotationStep => {
  const found = rotation.find((each) => each.release === release);
  assert.ok(found !== undefined);
  return found;
};

test("no device goes from old keys to new ones without the release that is signed by both", () => {
  assert.ok(!goesOn(step("A"), step("C")));
  assert.ok(!goesOn(step("C"), step("A")), "nor back");
});

test("from A to B to C each release starts, is believed, and opens the volume", () => {
  assert.ok(goesOn(step("A"), step("B")));
  assert.ok(goesOn(step("B"), step("C")));
});

test("B goes back to what was there before it only until it has sealed for the new key", () => {
  assert.ok(!goesOn(step("B"), step("A")));
  assert.ok(goesOn({ ...step("B"), sealsFor: "old" }, step("A")));
});
