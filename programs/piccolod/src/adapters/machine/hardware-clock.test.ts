import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { hasForgottenTime } from "./hardware-clock.ts";

function machine(context: TestContext, files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "piccolo-clock-"));
  context.after(() => rmSync(root, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
  return root;
}

const clock = "sys/class/rtc/rtc0/since_epoch";

const nowMs = Date.UTC(2026, 10, 27);
const shows = (ms: number): Readonly<Record<string, string>> => ({ [clock]: `${ms / 1_000}\n` });

test("a clock that begins at 1970 forgot the time", (context) => {
  assert.equal(hasForgottenTime(machine(context, shows(42_000)), nowMs), true);
});

test("so did one before 1970, one at the year of its firmware, and one whose two digits are taken for 2070", (context) => {
  for (const ms of [-3_600_000, Date.UTC(2020, 0, 1), Date.UTC(2070, 0, 1)]) {
    assert.equal(hasForgottenTime(machine(context, shows(ms)), nowMs), true);
  }
});

test("a time server puts it right", (context) => {
  const root = machine(context, { ...shows(42_000), "run/systemd/timesync/synchronized": "" });
  assert.equal(hasForgottenTime(root, nowMs), false);
});

test("a clock that goes, none, and one that says nothing of use forgot nothing", (context) => {
  const hour = 3_600_000;
  const late = shows(nowMs - 14 * hour);
  for (const files of [shows(nowMs), late, {}, { [clock]: "" }, { [clock]: "no number" }]) {
    assert.equal(hasForgottenTime(machine(context, files), nowMs), false);
  }
});
