import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { lockedFekFormat, wrappedFekEpoch } from "@piccolo/envelope";
import { openOwnerDatabase } from "../db/owner-database.ts";
import type { NewPhrase, Task } from "@piccolo/device-api";
import { claimed, confirmation } from "../../test-support/phrases.ts";
import { upload } from "../../test-support/uploading.ts";
import { contentFolder, password, TestDevice } from "../../test-support/device.ts";

const never = new AbortController().signal;

async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function text(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of bytes) parts.push(part);
  return Buffer.concat(parts).toString();
}

/** Read while the device is stopped. */
function wrappedKeys(device: TestDevice): readonly Uint8Array[] {
  const database = openOwnerDatabase(join(contentFolder(device.folder), "owner.db"));
  try {
    const rows = database.db.prepare("SELECT wrapped_fek AS fek FROM version").all() as { fek: Uint8Array }[];
    return rows.map(({ fek }) => fek);
  } finally {
    database.close();
  }
}

const formats = (device: TestDevice) => wrappedKeys(device).map(([format]) => format);

test("a locked device writes a version it cannot read, keeps it, and wraps its key with the next unlocking", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  await owner.send("POST", "/lock");
  const noted: number[] = [];
  const { versionId, placement } = await device.inside.unattended.write({
    content: pieces("an app's ", "backup"),
    signal: never,
    note: (_, bytes) => noted.push(bytes),
  });
  assert.deepEqual([noted, placement], [[15], "durable"]);
  assert.throws(() => device.inside.keyring.keys(), { code: "locked" });
  await device.stop();
  assert.deepEqual(formats(device), [lockedFekFormat]);
  await device.start();
  await device.client().signIn();
  await device.stop();
  assert.deepEqual(formats(device), [1]);
  await device.start();
  await device.client().signIn();
  assert.equal(await text(device.inside.readVersion(versionId, 15, never)), "an app's backup");
});

test("what fails on its way, or cannot be noted, leaves nothing", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  await owner.send("POST", "/lock");
  const { unattended } = device.inside;
  const broken = (async function* () {
    yield Buffer.from("a part");
    throw new Error("the app is gone");
  })();
  await assert.rejects(unattended.write({ content: broken, signal: never }), /the app is gone/);
  const note = (): never => {
    throw new Error("no room for the note");
  };
  await assert.rejects(unattended.write({ content: pieces("whole"), signal: never, note }), /no room for the note/);
  await device.stop();
  assert.deepEqual(formats(device), []);
});

test("what is written by itself in the middle of a re-key opens when the old keys are gone", async (context) => {
  const device = await TestDevice.start(context);
  const { owner, phrase } = await claimed(device);
  await owner.send("POST", "/security/phrase/confirm", confirmation(phrase));
  await upload(owner, "file", Buffer.from("content"));
  const made = await owner.call<NewPhrase>("POST", "/security/phrase", { password });
  const writes: Promise<{ readonly versionId: Uint8Array }>[] = [];
  device.atCrashPoint = (name) => {
    // The pages go by version id, so most of these many come behind the re-key's back.
    if (name !== "after-rekey-page" || writes.length > 0) return;
    for (let at = 0; at < 12; at++) {
      writes.push(device.inside.unattended.write({ content: pieces("an app's backup"), signal: never }));
    }
  };
  await owner.call("POST", "/security/rekey", { password, confirmation: confirmation(made) });
  const isRunning = async (): Promise<boolean> =>
    (await owner.call<{ tasks: Task[] }>("GET", "/tasks")).tasks.some(({ state }) => state === "running");
  while (await isRunning()) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(writes.length, 12);
  assert.deepEqual(device.inside.keyring.keys().epochs, [2]);
  await Promise.all(writes);
  await device.stop();
  assert.deepEqual(new Set(wrappedKeys(device).map(wrappedFekEpoch)), new Set([2]));
});
