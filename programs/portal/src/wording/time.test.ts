import assert from "node:assert/strict";
import { test } from "node:test";
import { agoInWords, durationInWords, momentInWords, timeLeftInWords, untilInWords, whenInWords } from "./time.ts";

const now = new Date(2026, 4, 20, 14, 30).getTime();
const minute = 60_000;
const day = 24 * 60 * minute;

test("zero is never, not 1970", () => {
  assert.equal(whenInWords(0, now), "never");
  assert.equal(agoInWords(0, now), "never");
  assert.equal(momentInWords(0), "never");
});

test("a list shows the time today, the day this year, and the year before that", () => {
  assert.equal(whenInWords(now - 5_000, now), "just now");
  assert.equal(whenInWords(new Date(2026, 4, 20, 9, 5).getTime(), now), "09:05");
  assert.equal(whenInWords(now - day, now), "yesterday");
  assert.equal(whenInWords(new Date(2026, 0, 3).getTime(), now), "3 Jan");
  assert.equal(whenInWords(new Date(2024, 0, 3).getTime(), now), "3 Jan 2024");
});

test("ages and what is to come are counted in one unit", () => {
  assert.equal(agoInWords(now - minute, now), "1 minute ago");
  assert.equal(agoInWords(now - 5 * 60 * minute, now), "5 hours ago");
  assert.equal(agoInWords(now - 2 * day, now), "2 days ago");
  assert.equal(untilInWords(now, now), "in a moment");
  assert.equal(untilInWords(now + 29.2 * day, now), "in 30 days");
  assert.equal(durationInWords(-45_000), "45 seconds");
  assert.equal(durationInWords(200_000), "3 minutes");
});

test("the time left is coarse, and silent while unknown", () => {
  assert.equal(timeLeftInWords(1000, 0), "");
  assert.equal(timeLeftInWords(0, 1000), "");
  assert.equal(timeLeftInWords(5000, 1000), "a few seconds left");
  assert.equal(timeLeftInWords(31_000, 1000), "about 40 seconds left");
  assert.equal(timeLeftInWords(60_000, 1000), "about a minute left");
  assert.equal(timeLeftInWords(600_000, 1000), "about 10 minutes left");
  assert.equal(timeLeftInWords(3_700_000, 1000), "about an hour left");
  assert.equal(timeLeftInWords(7_200_000, 1000), "about 2 hours left");
  assert.equal(timeLeftInWords(1e9, 1000), "more than a day left");
});
