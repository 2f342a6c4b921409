import assert from "node:assert/strict";
import { test } from "node:test";
import { codeInWords, lossesInWords, ninesAsPercent, safetyInWords, yearlyLossInWords } from "./durability.ts";

const plain = (text: string): string => text.replaceAll("\u{202f}", " ");

test("eleven nines are written out in groups of three", () => {
  assert.equal(plain(ninesAsPercent(11)), "99.999 999 999 %");
  assert.equal(plain(ninesAsPercent(11.9)), "99.999 999 999 %");
  assert.equal(plain(ninesAsPercent(3)), "99.9 %");
});

test("few nines are not embellished", () => {
  assert.equal(ninesAsPercent(0.4), "less than 90 %");
  assert.equal(ninesAsPercent(1.2), "90 %");
  assert.equal(ninesAsPercent(2), "99 %");
});

test("the chance of loss is rounded to the worse side", () => {
  assert.equal(yearlyLossInWords(0.5), "more than 1 in 10");
  assert.equal(plain(yearlyLossInWords(4.7)), "1 in 10 000");
  assert.equal(yearlyLossInWords(6), "1 in 1 million");
  assert.equal(yearlyLossInWords(11.3), "1 in 100 billion");
});

test("losses and pieces are said without formulas", () => {
  assert.equal(lossesInWords(6), "Up to 6 of them can be lost.");
  assert.equal(lossesInWords(1), "1 of them can be lost.");
  assert.equal(lossesInWords(0), "None of them can be lost right now.");
  assert.equal(safetyInWords(6), "Up to 6 devices can be lost without losing a file.");
  assert.equal(safetyInWords(1), "1 device can be lost without losing a file.");
  assert.equal(safetyInWords(0), "No device can be lost without losing files.");
  assert.equal(codeInWords(3, 9), "Every file becomes 9 pieces on 9 devices. Any 3 pieces rebuild it.");
  assert.equal(codeInWords(1, 4), "Each of 4 devices keeps a whole copy of every file.");
});
