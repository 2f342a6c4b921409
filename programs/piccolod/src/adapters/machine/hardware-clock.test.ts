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

test("a clock that begins at 1970 forgot the time", (context) => {
  assert.equal(hasForgottenTime(machine(context, { [clock]: "42\n" })), true);
});

test("so did one before 1970, and one that shows the year of its firmware", (context) => {
  for (const text of ["-3600\n", "1577836800\n"]) {
    assert.equal(hasForgottenTime(machine(context, { [clock]: text })), true);
  }
});

test("a time server puts it right", (context) => {
  assert.equal(hasForgottenTime(machine(context, { [clock]: "42\n", "run/systemd/timesync/synchronized": "" })), false);
});

test("a clock that goes, none, and one that says nothing of use forgot nothing", (context) => {
  for (const files of [{ [clock]: "1798761600\n" }, {}, { [clock]: "" }, { [clock]: "no number" }]) {
    assert.equal(hasForgottenTime(machine(context, files)), false);
  }
});
