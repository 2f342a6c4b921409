/**
 * Somebody with the device in his hands makes a volume of his own and seals its key in the same chip, which takes nothing
 * but what is public. It opens by itself then; nothing of the owner's may get onto it.
 */
import assert from "node:assert/strict";
import { copyFileSync, cpSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fromUtf8, toHex } from "@piccolo/bytes";
import { decodeSlotList } from "@piccolo/envelope";
import type { Status } from "@piccolo/device-api";
import { realWorld } from "@piccolo/world/real";
import { contentFolder, password, refusedWith, TestDevice } from "../../test-support/device.ts";
import { claimed, confirmation } from "../../test-support/phrases.ts";
import { MemoryChip } from "../adapters/tpm/memory-chip.ts";
import { decodeRecord, encodeRecord, recordKey } from "./outside-record.ts";

test("the owner's slots beside somebody else's volume take no password or phrase, and nothing is written there", async (context) => {
  const device = await TestDevice.start(context);
  const { owner, phrase } = await claimed(device);
  await owner.call("POST", "/security/phrase/confirm", confirmation(phrase));
  await device.stop();
  const state = join(device.folder, "state");
  const content = contentFolder(device.folder);
  const [outside, volume, memory, aside] = ["outside", "volume", "insecure-chip-memory", "../aside"].map((name) =>
    join(state, name),
  ) as [string, string, string, string];
  const theirs = decodeRecord(readFileSync(outside)).record;
  const identity = JSON.parse(readFileSync(join(content, "identity"), "utf8")) as Record<string, unknown>;
  copyFileSync(memory, `${aside}-memory`);
  rmSync(outside);
  cpSync(volume, `${aside}-volume`, { recursive: true });
  rmSync(volume, { recursive: true });

  await device.start();
  const key = new Uint8Array(readFileSync(join(content, "unclaimed-volume-key")));
  await device.client().claim();
  await device.stop();

  // A device that has counted one more would open nothing of the owner's any more: whoever wants it to leaves that out.
  renameSync(`${aside}-memory`, memory);
  const seed = new Uint8Array(readFileSync(join(state, "insecure-chip-seed")));
  const counted = Number(fromUtf8(new Uint8Array(readFileSync(memory))));
  const chip = new MemoryChip({ world: realWorld, seed, memory: { read: () => counted, write: () => undefined } });
  const slots = decodeSlotList(theirs.slots ?? new Uint8Array(0));
  const { sealedPepper } = theirs;
  const planted = { ...theirs, number: 1_000, sealedVolumeKey: await chip.seal(key, "volume"), sealedPepper };
  const record = encodeRecord(planted, recordKey(key));
  writeFileSync(outside, record);
  writeFileSync(join(content, "outside-copy"), record);
  const own = JSON.parse(readFileSync(join(content, "identity"), "utf8")) as Record<string, unknown>;
  const account = toHex(slots.account);
  const { ownerPublicKey, filePublicKey } = identity;
  const fitting = { ...own, account, epoch: slots.epoch, ownerPublicKey, filePublicKey, metadataKey: "00".repeat(32) };
  writeFileSync(join(content, "identity"), `${JSON.stringify(fitting)}\n`);

  await device.start();
  const client = device.client();
  assert.equal((await client.call<Status>("GET", "/status")).phase, "locked");
  refusedWith(await client.send("POST", "/session", { password }), 409, "volume-swapped");
  const forgotten = { phrase: phrase.words.join(" "), newPassword: password };
  refusedWith(await client.send("POST", "/reset-login", forgotten), 409, "volume-swapped");
  assert.equal((await client.call<Status>("GET", "/status")).phase, "locked");
  const after = JSON.parse(readFileSync(join(content, "identity"), "utf8")) as Record<string, unknown>;
  assert.equal(after["metadataKey"], fitting.metadataKey);
  await device.stop();

  rmSync(volume, { recursive: true });
  renameSync(`${aside}-volume`, volume);
  writeFileSync(outside, readFileSync(join(content, "outside-copy")));
  await device.start();
  await device.client().signIn();
});
