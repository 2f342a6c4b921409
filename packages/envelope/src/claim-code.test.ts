import assert from "node:assert/strict";
import { test } from "node:test";
import { realWorld } from "@piccolo/world/real";
import {
  hashClaimCode,
  isEasyClaimCode,
  isHashedClaimCode,
  matchesHash,
  newClaimCode,
  plainClaimCode,
} from "./claim-code.ts";

test("a code has forty bits, and is typed in whichever way", () => {
  const code = newClaimCode(realWorld);
  assert.match(code, /^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
  assert.notEqual(newClaimCode(realWorld), code);
  assert.equal(plainClaimCode(` ${code.toLowerCase().replace("-", " ")} `), code.replace("-", ""));
  assert.equal(plainClaimCode("oO0i-Il1"), "00011111".slice(0, 3) + "1111");
});

test("what people choose first is easy to guess, and what chance gives is not", () => {
  for (const easy of [
    "aaaaaaaa",
    "abababab",
    "aaabbbcc",
    "12345678",
    "8765-4321",
    "19840512",
    "31.12.1999",
    "abcdefgh",
    "password",
    "Passw0rd1",
    "qwertyuiop",
    "asdf-jkl1",
    "piccolo1",
    "Piccolo-2026",
    "letmein99",
    "1q2w3e4r",
    "iloveyou2",
  ]) {
    assert.ok(isEasyClaimCode(easy), easy);
  }
  for (const hard of [
    "k7f2-qxm3",
    "QZTBWXKE",
    "7K2M4XQ9",
    "4f1c-77a0",
    "482913750264",
    "mysecretgarden17roses",
    "correct horse",
  ]) {
    assert.ok(!isEasyClaimCode(hard), hard);
  }
});

test("its hash tells the right code, however it is typed, from every other", () => {
  const hash = hashClaimCode("K7QF-2M9X", realWorld);
  assert.ok(isHashedClaimCode(hash));
  assert.ok(!hash.includes("K7QF"));
  for (const typed of ["K7QF-2M9X", "k7qf2m9x", " k7qf 2m9x "]) assert.ok(matchesHash(hash, typed), typed);
  for (const typed of ["", "K7QF-2M9Y", "K7QF-2M9", hash, "x".repeat(65)]) assert.ok(!matchesHash(hash, typed), typed);
});

test("a text that is no hash, or asks for too much work, matches nothing", () => {
  const hash = hashClaimCode("K7QF-2M9X", realWorld);
  const [kind, memory, passes, salt, value] = hash.split("$");
  for (const wrong of [
    "",
    "argon2id$",
    [kind, "262145", passes, salt, value].join("$"),
    [kind, "7", passes, salt, value].join("$"),
    [kind, memory, "11", salt, value].join("$"),
    [kind, memory, "0", salt, value].join("$"),
    [kind, memory, passes, salt, `${value}A`].join("$"),
    [kind, memory, passes, "", value].join("$"),
    `${hash}$`,
  ]) {
    assert.ok(!matchesHash(wrong, "K7QF-2M9X"), wrong);
  }
});
