/** What a thief puts in the place of a file of the state folder: links, pipes, folders, endless files. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Status } from "@piccolo/device-api";
import { contentFolder, TestDevice } from "../../test-support/device.ts";

const planted: Readonly<Record<string, (path: string, elsewhere: string) => void>> = {
  "a link to the true file": (path, elsewhere) => symlinkSync(elsewhere, path),
  "a link to what never ends": (path) => symlinkSync("/dev/zero", path),
  "a link to nothing": (path) => symlinkSync("/nowhere/at/all", path),
  "a pipe": (path) => void execFileSync("mkfifo", [path]),
  "a folder": (path) => mkdirSync(path),
  "a file of 8 GiB": (path) => {
    writeFileSync(path, "");
    truncateSync(path, 8 * 1024 ** 3);
  },
};

for (const [what, plant] of Object.entries(planted)) {
  test(`${what} in the record's place keeps the device closed, and the true one opens it`, async (context) => {
    const device = await TestDevice.start(context);
    await device.owner();
    await device.stop();
    const [record, aside] = [join(device.folder, "state/outside"), join(device.folder, "aside")];
    renameSync(record, aside);
    plant(record, aside);
    await device.start();
    const status = await device.client().call<Status>("GET", "/status");
    assert.deepEqual([status.phase, status.reasons[0]?.code], ["closed", "record-damaged"]);
    await device.stop();
    rmSync(record, { recursive: true });
    renameSync(aside, record);
    await device.start();
    await device.client().signIn();
  });
}

test("a link in the place of the volume, its content, or the lock is followed nowhere", async (context) => {
  const device = await TestDevice.start(context);
  await device.owner();
  await device.stop();
  const state = join(device.folder, "state");
  const aside = join(device.folder, "aside");
  for (const name of ["volume", "lock"]) {
    renameSync(join(state, name), aside);
    symlinkSync(aside, join(state, name));
    await assert.rejects(device.start(), { code: "state-damaged" });
    rmSync(join(state, name));
    renameSync(aside, join(state, name));
  }
  for (const name of ["volume/plain", "volume/plain/content"]) {
    renameSync(join(state, name), aside);
    symlinkSync(aside, join(state, name));
    await device.start();
    const { reasons } = await device.client().call<Status>("GET", "/status");
    assert.equal(reasons[0]?.code, "volume-damaged");
    await device.stop();
    rmSync(join(state, name));
    renameSync(aside, join(state, name));
  }
  const before = readFileSync(join(state, "outside"));
  await device.start();
  await device.client().signIn();
  assert.deepEqual(readFileSync(join(state, "outside")), before);
});

test("a device of its own goes on and says what is wrong beside its volume, and its owner is there again once that is put right", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-beside-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const marker = join(folder, "first-boot");
  writeFileSync(marker, "");
  const standInFolder = join(folder, "stand-in");
  const device = await TestDevice.start(context, { args: ["--first-boot", marker], machine: { standInFolder } });
  await device.owner();
  await device.stop();
  const state = join(device.folder, "state");
  const aside = join(device.folder, "aside");
  const spoilt: readonly (readonly [name: string, spoil: (path: string) => void])[] = [
    ["", (path) => writeFileSync(path, "no folder")],
    ["lock", (path) => symlinkSync(aside, path)],
    ["lock", (path) => mkdirSync(path)],
    [
      "lock",
      (path) =>
        writeFileSync(
          path,
          "no lock of ours, and longer than the head of a database is, which has 100 bytes".repeat(9),
        ),
    ],
    ["volume", (path) => symlinkSync(aside, path)],
    ["device-name", (path) => symlinkSync("/dev/zero", path)],
    ["tls-authority", (path) => mkdirSync(path)],
    ["claim-code", (path) => mkdirSync(path)],
    ["claim-code", (path) => void execFileSync("mkfifo", [path])],
    ["claim-code", (path) => symlinkSync("/dev/zero", path)],
    [".writable.next", (path) => mkdirSync(path)],
  ];
  for (const [name, spoil] of spoilt) {
    const path = join(state, name);
    if (existsSync(path)) renameSync(path, aside);
    spoil(path);
    await device.start();
    const { phase, reasons, opensWith, resets } = await device.client().call<Status>("GET", "/status");
    assert.deepEqual([phase, reasons[0]?.code, opensWith, resets], ["closed", "state-damaged", [], false], name);
    await device.stop();
    rmSync(path, { recursive: true });
    if (existsSync(aside)) renameSync(aside, path);
  }
  assert.equal(existsSync(marker), false, "nobody asked for a new volume");
  await device.start();
  await device.client().signIn();
});

test("a device of its own whose records are damaged goes on and says so, however often it is started", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-inside-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const marker = join(folder, "first-boot");
  writeFileSync(marker, "");
  const machine = { standInFolder: join(folder, "stand-in") };
  const device = await TestDevice.start(context, { args: ["--first-boot", marker], machine });
  await device.owner();
  await device.stop();
  const path = join(contentFolder(device.folder), "control.db");
  const whole = readFileSync(path);
  writeFileSync(path, "no database".repeat(1_000));
  for (let start = 0; start < 2; start++) {
    await device.start();
    const { phase, reasons, opensWith } = await device.client().call<Status>("GET", "/status");
    assert.deepEqual([phase, reasons.map(({ code }) => code), opensWith], ["closed", ["database-damaged"], []]);
    await device.stop();
  }
  writeFileSync(path, whole);
  await device.start();
  await device.client().signIn();
});
