/** A disk that fails where the volume lies, or beside it, on a device that nobody looks after: it goes on, and says so. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { connect } from "node:tls";
import type { Status } from "@piccolo/device-api";
import { contentFolder, password, refusedWith, TestDevice, withoutProtection } from "../../test-support/device.ts";
import { type DiskFailure, FailingDisk } from "../../test-support/failing-disk.ts";
import { claimed, confirmation } from "../../test-support/phrases.ts";

/** A device of its own with an owner, switched off; its phrase. */
async function ownedDevice(context: TestContext): Promise<{ readonly device: TestDevice; readonly phrase: string }> {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-failing-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const marker = join(folder, "first-boot");
  writeFileSync(marker, "");
  const machine = { standInFolder: join(folder, "stand-in"), secureBoot: () => "on" as const };
  const device = await TestDevice.start(context, { args: ["--first-boot", marker], machine });
  const { owner, phrase } = await claimed(device);
  await owner.send("POST", "/security/phrase/confirm", confirmation(phrase));
  await device.stop();
  return { device, phrase: phrase.words.join(" ") };
}

const status = (device: TestDevice): Promise<Status> => device.client().call<Status>("GET", "/status");

/** The fingerprint of who signed the certificate it shows. */
async function authorityOf(device: TestDevice): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port: Number(new URL(device.origin).port), rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { issuerCertificate } = socket.getPeerCertificate(true);
  socket.destroy();
  return issuerCertificate.fingerprint256;
}

const failures: readonly (readonly [what: string, failure: Omit<DiskFailure, "below">, below: string, code: string])[] =
  [
    ["the record's key cannot be read", { call: "read", code: "EIO" }, "record-key", "volume-damaged"],
    ["the record's key cannot be opened", { call: "open", code: "EUCLEAN" }, "record-key", "volume-damaged"],
    ["the device's key cannot be read", { call: "read", code: "EUCLEAN" }, "device-key", "volume-damaged"],
    ["the database's first bytes cannot be read", { call: "open", code: "EIO" }, "owner.db", "volume-damaged"],
    ["nothing in it can be opened", { call: "open", code: "EIO" }, "", "volume-damaged"],
    ["a database cannot be opened", { call: "open", code: "EIO" }, "control.db", "volume-damaged"],
    ["no folder can be made in it", { call: "mkdir", code: "EUCLEAN" }, "", "volume-damaged"],
  ];

for (const [what, failure, name, code] of failures) {
  test(`where ${what}, the device stays closed and says so, however often it is started`, async (context) => {
    const { device } = await ownedDevice(context);
    const disk = new FailingDisk(context);
    disk.failure = { ...failure, below: join(contentFolder(device.folder), name) };
    for (let start = 0; start < 2; start++) {
      const before = disk.failed;
      await device.start();
      assert.ok(disk.failed > before);
      const { phase, reasons, opensWith, resets } = await status(device);
      assert.deepEqual([phase, reasons.map((reason) => reason.code), opensWith, resets], ["closed", [code], [], false]);
      await device.stop();
    }
    disk.failure = undefined;
    await device.start();
    await device.client().signIn();
  });
}

test("a volume without room for what a start has to write keeps the device closed, and is opened once there is some", async (context) => {
  const { device } = await ownedDevice(context);
  const copy = join(contentFolder(device.folder), "outside-copy");
  const whole = readFileSync(copy);
  rmSync(copy);
  const disk = new FailingDisk(context);
  disk.failure = { call: "write", code: "ENOSPC", below: contentFolder(device.folder) };
  await device.start();
  const { phase, reasons } = await status(device);
  assert.deepEqual([phase, reasons[0]?.code], ["closed", "volume-damaged"]);
  assert.match(reasons[0]?.detail ?? "", /ENOSPC/);
  await device.stop();
  disk.failure = undefined;
  await device.start();
  await device.client().signIn();
  assert.deepEqual(readFileSync(copy), whole);
});

test("what lies beside the volume and fails only when it is written is told as such", async (context) => {
  const { device } = await ownedDevice(context);
  const record = join(device.folder, "state/outside");
  const whole = readFileSync(record);
  const spoilt = Buffer.from(whole);
  spoilt.write("0".repeat(64), whole.length - 65);
  writeFileSync(record, spoilt);
  const disk = new FailingDisk(context);
  disk.failure = { call: "open", code: "EIO", below: join(device.folder, "state/.outside.next") };
  await device.start();
  const { phase, reasons } = await status(device);
  assert.deepEqual([phase, reasons.map(({ code }) => code)], ["closed", ["state-damaged"]]);
  await device.stop();
  disk.failure = undefined;
  await device.start();
  await device.client().signIn();
  assert.deepEqual(readFileSync(record), whole);
});

test("a device whose volume fails serves its page under the authority that the chip keeps", async (context) => {
  const { device } = await ownedDevice(context);
  await device.restartWith([...withoutProtection, "--https"]);
  await device.stop();
  const disk = new FailingDisk(context);
  const authorities: string[] = [];
  for (const name of ["tls-authority", "", ""]) {
    disk.failure = { call: "read", code: "EIO", below: join(contentFolder(device.folder), name) };
    const from = device.logLines.length;
    await device.start();
    const told = device.logLines.slice(from).join("");
    assert.match(told, /"event":"(?:volume-closed|device-not-opened)","code":"volume-damaged"/);
    authorities.push(await authorityOf(device));
    await device.stop();
  }
  const [first] = authorities;
  assert.deepEqual(authorities, [first, first, first]);
});

test("a database of which only the head is whole keeps the device closed", async (context) => {
  const { device } = await ownedDevice(context);
  const path = join(contentFolder(device.folder), "control.db");
  const whole = readFileSync(path);
  const [head, pageBytes] = [100, whole.readUInt16BE(16)];
  assert.ok(whole.length > 4 * pageBytes);
  writeFileSync(path, Buffer.from(whole).fill(0xa5, Math.max(head, pageBytes)));
  for (let start = 0; start < 2; start++) {
    await device.start();
    const { phase, reasons } = await status(device);
    assert.deepEqual([phase, reasons.map(({ code }) => code)], ["closed", ["database-damaged"]]);
    await device.stop();
  }
  writeFileSync(path, whole);
  await device.start();
  await device.client().signIn();
});

test("a volume that fails while the phrase opens it refuses, and the phrase opens it once the disk answers again", async (context) => {
  const { device, phrase } = await ownedDevice(context);
  writeFileSync(join(device.folder, "state/insecure-chip-seed"), new Uint8Array(32));
  const disk = new FailingDisk(context);
  await device.start();
  assert.deepEqual((await status(device)).opensWith, ["phrase"]);
  const open = () => device.client().send("POST", "/open-volume", { phrase, newPassword: password });
  disk.failure = { call: "read", code: "EIO", below: join(contentFolder(device.folder), "record-key") };
  refusedWith(await open(), 422, "volume-damaged");
  disk.failure = undefined;
  assert.equal((await open()).status, 201);
});

test("a device that cannot be built on the volume which the phrase opened says so, and goes on", async (context) => {
  const { device, phrase } = await ownedDevice(context);
  writeFileSync(join(device.folder, "state/insecure-chip-seed"), new Uint8Array(32));
  const disk = new FailingDisk(context);
  await device.start();
  disk.failure = { call: "read", code: "EIO", below: join(contentFolder(device.folder), "device-key") };
  refusedWith(
    await device.client().send("POST", "/open-volume", { phrase, newPassword: password }),
    422,
    "volume-damaged",
  );
  const { phase, reasons } = await status(device);
  assert.deepEqual([phase, reasons.map(({ code }) => code)], ["closed", ["volume-damaged"]]);
});
