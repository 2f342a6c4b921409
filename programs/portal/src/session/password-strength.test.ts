import assert from "node:assert/strict";
import { test } from "node:test";
import { passwordStrength } from "./password-strength.ts";

test("fewer than ten characters are not accepted, and the hint counts down", () => {
  assert.equal(passwordStrength("").level, 0);
  assert.deepEqual(passwordStrength("eight888"), { level: 0, hint: "2 more characters needed." });
  assert.deepEqual(passwordStrength("nine99999"), { level: 0, hint: "1 more character needed." });
});

test("regular and well-known passwords are called easy to guess", () => {
  for (const password of ["aaaaaaaaaaaa", "1234567890", "abcdefghijkl", "password123", "piccolo2026"])
    assert.equal(passwordStrength(password).level, 1, password);
});

test("length makes a password strong", () => {
  assert.equal(passwordStrength("mvkelwpqz!").level, 2);
  assert.equal(passwordStrength("correct horse battery staple").level, 3);
});
