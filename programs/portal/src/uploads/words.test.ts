import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyQueue, reduceQueue, type UploadItem } from "./queue.ts";
import { summaryOf } from "./summary.ts";
import { itemInWords, summaryDetail, summaryInWords } from "./words.ts";

const item = (more: Partial<UploadItem>): UploadItem => ({
  key: "k",
  batch: "b",
  filename: "film.mp4",
  parent: "root",
  sizeBytes: 100_000_000,
  phase: "waiting",
  onConflict: "ask",
  sentBytes: 0,
  durableBytes: 0,
  checkedBytes: 0,
  points: [],
  attempts: 0,
  ...more,
});

test("a wait names its reason and its end", () => {
  const trouble = { code: "spool-full", detail: "The device has no room.", retry: true, status: 503 };
  assert.equal(itemInWords(item({}), 0), "Waiting for its turn");
  assert.equal(itemInWords(item({ retryAtMs: 4000, trouble }), 0), "The device has no room. Next try in 4 seconds.");
  assert.equal(itemInWords(item({ phase: "failed", trouble }), 0), "The device has no room.");
});

test("progress counts what is stored, not what was sent", () => {
  const sending = item({
    phase: "sending",
    durableBytes: 20_000_000,
    sentBytes: 30_000_000,
    points: [
      { atMs: 0, bytes: 0 },
      { atMs: 10_000, bytes: 30_000_000 },
    ],
  });
  assert.equal(itemInWords(sending, 10_000), "20 of 100 MB, 3 MB/s, about 30 seconds left");
  assert.equal(itemInWords({ ...sending, sentBytes: 100_000_000 }, 10_000), "Storing on other devices…");
});

test("a finished upload says whether it is safe yet", () => {
  assert.match(itemInWords(item({ phase: "done", placement: "durable" }), 0), /stored safely/);
  assert.match(itemInWords(item({ phase: "done", placement: "pending" }), 0), /only on this device/);
});

test("a taken name says what has it as soon as that is known", () => {
  assert.equal(itemInWords(item({ phase: "conflict" }), 0), "Something of this name is already there.");
  assert.match(itemInWords(item({ phase: "conflict", versionRefused: true }), 0), /^A folder has this name/);
});

test("an unfinished upload says how much of it is here", () => {
  assert.match(itemInWords(item({ phase: "unfinished" }), 0), /^100 MB, not begun/);
  assert.match(itemInWords(item({ phase: "unfinished", durableBytes: 40_000_000 }), 0), /^40 of 100 MB are here/);
});

test("the headline says what needs the person first", () => {
  const added = reduceQueue(emptyQueue, {
    type: "add",
    batch: "b",
    uploads: ["a", "b"].map((key) => ({ key, filename: key, parent: "root", sizeBytes: 10 })),
  });
  assert.equal(summaryInWords(summaryOf(added, 0)), "Uploading 2 files");
  assert.equal(summaryDetail(summaryOf(added, 0)), "0 %");
  const asked = reduceQueue(added, { type: "conflicted", key: "a" });
  assert.equal(summaryInWords(summaryOf(asked, 0)), "1 file already there");
});
