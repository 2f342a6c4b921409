import assert from "node:assert/strict";
import { test } from "node:test";
import { DeviceRefusal } from "@piccolo/device-api/client";
import { countInWords, misspeltOf, stillMisspelt, withWord, wordsOf } from "./phrase-text.ts";

const refusal = (code: string, details?: Record<string, unknown>): DeviceRefusal =>
  new DeviceRefusal({
    type: "about:blank",
    title: "Refused",
    status: 400,
    code,
    detail: "Correct the words.",
    retry: false,
    ...(details === undefined ? {} : { details }),
  });

test("what is no word is no part of a phrase", () => {
  for (const text of ["", "  \n\t", "1. 2) 3", "-- , ;"]) assert.deepEqual(wordsOf(text), []);
});

test("a numbered list, a line and a column give the same words", () => {
  const words = ["abandon", "ability", "able"];
  for (const text of [
    "abandon ability able",
    "  Abandon\tABILITY\n able ",
    "1. abandon\n2. ability\n3. able",
    "1.abandon 2)ability 3:able",
    "01 abandon, 02 ability; 03 able.",
    "abandon\u00A0ability\u3000able",
    "• abandon\n• ability\n• able",
  ])
    assert.deepEqual(wordsOf(text), words, JSON.stringify(text));
});

test("beginnings of words stay what they are: the device completes them", () => {
  assert.deepEqual(wordsOf("aban abil able"), ["aban", "abil", "able"]);
});

test("accents of a phone's keyboard and soft hyphens do not split a word", () => {
  assert.deepEqual(wordsOf("àbandon abi\u00ADlity"), ["abandon", "ability"]);
});

test("the count says what is missing, and what is too much", () => {
  assert.match(countInWords(0), /first four letters/);
  assert.equal(countInWords(23), "23 of 24 words");
  assert.equal(countInWords(24), "All 24 words are there.");
  assert.equal(countInWords(25), "1 word too many");
  assert.equal(countInWords(26), "2 words too many");
});

test("only a refusal for misspelt words marks any", () => {
  assert.equal(misspeltOf(new Error("x")).size, 0);
  assert.equal(misspeltOf(refusal("phrase-checksum", { positions: [1] })).size, 0);
  assert.equal(misspeltOf(refusal("phrase-misspelt")).size, 0);
  assert.equal(misspeltOf(refusal("phrase-misspelt", { positions: "1", words: [null, 4, {}] })).size, 0);
});

test("misspelt words come with what the device suggests", () => {
  const misspelt = misspeltOf(
    refusal("phrase-misspelt", {
      positions: [3, 7],
      words: [{ position: 3, suggestions: ["able", 5] }, { position: 7 }],
    }),
  );
  assert.deepEqual(
    [...misspelt],
    [
      [3, ["able"]],
      [7, []],
    ],
  );
});

test("a corrected word is no longer marked, the others are", () => {
  const misspelt = new Map([
    [1, []],
    [2, ["ability"]],
  ]);
  assert.deepEqual([...stillMisspelt(misspelt, ["abxndon", "abilty"], ["abxndon", "ability"]).keys()], [1]);
  assert.equal(stillMisspelt(misspelt, ["abxndon", "abilty"], ["able"]).size, 0);
});

test("a suggestion takes the place of its word", () => {
  assert.equal(withWord("1. abandon\n2. abilty 3. able", 2, "ability"), "abandon ability able");
});
