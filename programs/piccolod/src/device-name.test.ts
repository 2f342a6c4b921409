import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { realWorld } from "@piccolo/world/real";
import { deviceArgs } from "../test-support/device.ts";
import { DurableFolder } from "./adapters/state-folder.ts";
import { type Config, readConfig } from "./config.ts";
import { nameDevice } from "./device-name.ts";

function state(context: TestContext): DurableFolder {
  const path = mkdtempSync(join(tmpdir(), "piccolo-name-"));
  context.after(() => rmSync(path, { recursive: true }));
  return new DurableFolder(path);
}

const given = readConfig(deviceArgs("/nowhere"));
const nameless: Config = { ...given, deviceName: undefined, domain: undefined };

test("a name that was given is taken, and nothing is written", (context) => {
  const folder = state(context);
  const { deviceName, domain } = nameDevice(given, folder, realWorld);
  assert.deepEqual([deviceName, domain, folder.read("device-name")], ["device1", "household-1", undefined]);
});

test("without one the device names itself once, and is a household of its own", (context) => {
  const folder = state(context);
  const first = nameDevice(nameless, folder, realWorld);
  assert.match(first.deviceName, /^piccolo-[a-z2-9]{4}$/);
  assert.equal(first.domain, first.deviceName);
  assert.equal(nameDevice(nameless, folder, realWorld).deviceName, first.deviceName);
});

test("a name that somebody changed to none makes the device name itself anew", (context) => {
  const folder = state(context);
  for (const content of ["", "A name", "../..", "x".repeat(1_000), "\u{0}"]) {
    writeFileSync(folder.file("device-name"), content);
    const { deviceName } = nameDevice(nameless, folder, realWorld);
    assert.match(deviceName, /^piccolo-[a-z2-9]{4}$/);
    assert.equal(readFileSync(folder.file("device-name"), "utf8"), `${deviceName}\n`);
  }
});
