import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { DurableFolder } from "../adapters/state-folder.ts";
import type { BootChoice, BootEntry } from "./boot-control.ts";
import { decideTrials, type KeptTrials, ReleaseTrials } from "./release-trials.ts";

const entry = (number: number, state: BootEntry["state"]): BootEntry => ({
  id: `piccolo-${number}.efi`,
  state,
  tries: undefined,
});
const boot = (booted: number | undefined, ...entries: readonly BootEntry[]): BootChoice => ({
  entries,
  booted: booted === undefined ? undefined : `piccolo-${booted}.efi`,
  preferred: undefined,
  next: undefined,
});
const fellBack = boot(3, entry(4, "bad"), entry(3, "good"));
const onTrial = boot(4, entry(4, "trying"), entry(3, "good"));
const decide = (kept: KeptTrials, choice: BootChoice, nowMs = 100): KeptTrials =>
  decideTrials({ kept, choice, version: "1.0", nowMs });
const seen = (kept: KeptTrials): KeptTrials => ({
  ...kept,
  ...(kept.failed === undefined ? {} : { failed: { ...kept.failed, dismissed: true } }),
});
const tried: KeptTrials = { trial: { number: 4, version: "1.4", sinceMs: 50, gaveUp: "volume-closed" } };

test("where the boot loader does not say what it started, nothing is told and nothing forgotten", () => {
  const told = decide(tried, fellBack);
  for (const kept of [{}, tried, told]) {
    assert.deepEqual(decide(kept, boot(undefined, entry(4, "bad"), entry(3, "good"))), kept);
    assert.deepEqual(decide(kept, boot(9, entry(4, "bad"), entry(3, "good"))), kept);
  }
});

test("without a release that failed there is nothing to tell", () => {
  for (const choice of [
    boot(3, entry(3, "good")),
    boot(3, entry(4, "trying"), entry(3, "good")),
    boot(3, entry(4, "good"), entry(3, "good")),
    // An older one that failed once is none that gave its place to this one.
    boot(3, entry(3, "good"), entry(2, "bad")),
    boot(4, entry(4, "bad"), entry(3, "good")),
  ]) {
    assert.equal(decide({}, choice).failed, undefined);
  }
});

test("a release on probation is remembered since its first start, and told of with what it said once it is given up", () => {
  const first = decide({}, onTrial, 10);
  assert.deepEqual(first, { trial: { number: 4, version: "1.0", sinceMs: 10 } });
  const second = decide(first, boot(4, entry(4, "bad"), entry(3, "good")), 20);
  assert.deepEqual(second, first, "the last try is one as well");
  assert.deepEqual(decide(tried, fellBack), {
    failed: {
      number: 4,
      version: "1.4",
      triedSinceMs: 50,
      why: "volume-closed",
      foundAtMs: 100,
      dismissed: false,
    },
  });
  assert.equal(decide(first, fellBack).failed?.why, "unknown");
});

test("another version under the same number is another trial", () => {
  assert.deepEqual(decide(tried, onTrial, 70).trial, { number: 4, version: "1.0", sinceMs: 70 });
});

test("what is told stays as it is, also once the boot image is gone, until a release as new is found good", () => {
  const told = decide(tried, fellBack);
  assert.deepEqual(decide(told, fellBack, 900), told);
  const gone = boot(3, entry(3, "good"));
  assert.deepEqual(decide(told, gone, 900), told);
  const next = boot(5, entry(5, "trying"), entry(3, "good"));
  assert.deepEqual(decide(told, next).failed, told.failed, "a later one that is being tried is none yet");
  for (const number of [4, 5]) assert.deepEqual(decide(told, boot(number, entry(number, "good"))), {});
  assert.deepEqual(decide(told, boot(2, entry(4, "bad"), entry(2, "good"))), told);
});

test("what the owner has seen is told again only after another trial", () => {
  const told = seen(decide(tried, fellBack));
  assert.deepEqual(decide(told, fellBack), told);
  const again = decide(decide(told, onTrial, 500), fellBack, 600).failed;
  assert.deepEqual([again?.triedSinceMs, again?.foundAtMs, again?.dismissed], [500, 600, false]);
  // It may end before it leaves anything; then it is told apart by the boot image, which was gone in between.
  const between = decide(told, boot(3, entry(3, "good")));
  assert.deepEqual(between, {});
  assert.equal(decide(between, fellBack).failed?.dismissed, false);
});

test("of several that failed the newest is told, and an older one does not come back as its image goes later", () => {
  const both = boot(3, entry(5, "bad"), entry(4, "bad"), entry(3, "good"));
  const told = decide({}, both);
  assert.equal(told.failed?.number, 5);
  assert.deepEqual(decide(told, fellBack), told);
  assert.equal(decide({ ...told, ...tried }, fellBack).failed?.number, 4, "unless it was tried after that");
});

function folderOf(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "trials-"));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("what lies in its place, and is none, says nothing, and is replaced at the next start", (context) => {
  const folder = folderOf(context);
  const path = join(folder, "release-trials");
  const failed = { number: 4, foundAtMs: 1, why: "unknown", dismissed: false };
  for (const text of [
    "",
    "{",
    "null",
    "[]",
    '{"x":1}',
    JSON.stringify({ failed: { ...failed, why: "<b>" } }),
    JSON.stringify({ failed: { ...failed, number: 0 } }),
    JSON.stringify({ failed: { ...failed, number: 1e12 } }),
    JSON.stringify({ failed: { ...failed, foundAtMs: 1e300 } }),
    JSON.stringify({ failed: { ...failed, version: "<script>" } }),
    JSON.stringify({ failed: { ...failed, dismissed: "no" } }),
    `{"failed":${JSON.stringify(failed)}}${" ".repeat(5_000)}`,
  ]) {
    writeFileSync(path, text);
    const trials = new ReleaseTrials(new DurableFolder(folder));
    assert.equal(trials.failed, undefined, text);
    trials.gaveUp("portal-silent");
    trials.dismiss(4);
    assert.equal(trials.failed, undefined, text);
    trials.look({ choice: fellBack, version: "1.3", nowMs: 7 });
    assert.deepEqual(trials.failed, { number: 4, foundAtMs: 7, why: "unknown" }, text);
  }
});

test("whoever listens hears of each change, and the disk is written for none that is none", (context) => {
  const folder = folderOf(context);
  const trials = new ReleaseTrials(new DurableFolder(folder));
  let heard = 0;
  const end = trials.onChange(() => (heard += 1));
  trials.look({ choice: onTrial, version: "1.4", nowMs: 5 });
  trials.gaveUp("portal-silent");
  assert.equal(trials.failed, undefined);
  trials.look({ choice: fellBack, version: "1.3", nowMs: 9 });
  const told = { number: 4, version: "1.4", triedSinceMs: 5, foundAtMs: 9, why: "portal-silent" };
  assert.deepEqual(trials.failed, told);
  const { ino } = statSync(join(folder, "release-trials"));
  trials.look({ choice: fellBack, version: "1.3", nowMs: 11 });
  trials.dismiss(5);
  assert.equal(statSync(join(folder, "release-trials")).ino, ino);
  assert.equal(heard, 3);
  trials.dismiss(4);
  assert.equal(trials.failed, undefined);
  end();
  trials.look({ choice: boot(4, entry(4, "good")), version: "1.4", nowMs: 12 });
  assert.equal(heard, 4);
  assert.equal(readFileSync(join(folder, "release-trials"), "utf8"), "{}");
});
