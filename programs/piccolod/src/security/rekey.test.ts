import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { NewPhrase, SecurityView, Task } from "@piccolo/device-api";
import { claimed, confirmation } from "../../test-support/phrases.ts";
import { password, refusedWith, TestDevice } from "../../test-support/device.ts";
import { upload } from "../../test-support/uploading.ts";
import { rekeyCrashPoints } from "../crash-points.ts";

test("a re-key makes a new root: the new phrase opens everything, the old one nothing, files and password stay", async (context) => {
  const device = await TestDevice.start(context);
  const { owner, phrase: old } = await claimed(device);
  await owner.send("POST", "/security/phrase/confirm", confirmation(old));
  const node = await upload(owner, "file", Buffer.from("content"));
  const made = await owner.call<NewPhrase>("POST", "/security/phrase", { password });
  const rekey = (body: object) => owner.send("POST", "/security/rekey", body);
  const wrong = { words: made.askedBack.map((position) => ({ position, word: "zoo" })) };
  refusedWith(await rekey({ password: "a wrong guess", confirmation: confirmation(made) }), 401, "wrong-password");
  refusedWith(await rekey({ password, confirmation: wrong }), 409, "phrase-not-confirmed");
  const reply = await rekey({ password, confirmation: confirmation(made) });
  assert.equal(reply.status, 202, reply.text);
  const { id } = JSON.parse(reply.text) as Task;
  while ((await owner.call<Task>("GET", `/tasks/${id}`)).state === "running") await delay(10);
  assert.equal((await owner.call<Task>("GET", `/tasks/${id}`)).state, "done");
  const { slots } = await owner.call<SecurityView>("GET", "/security");
  assert.deepEqual([slots.epoch, slots.rekey, slots.phrase.state], [2, "none", "confirmed"]);
  assert.equal((await owner.raw("GET", `/files/${node}/content`)).text, "content");
  await device.client().signIn();
  await device.stop();
  writeFileSync(join(device.folder, "state/insecure-chip-seed"), new Uint8Array(32));
  await device.start();
  const client = device.client();
  const open = (shown: NewPhrase) =>
    client.send("POST", "/open-volume", { phrase: shown.words.join(" "), newPassword: password });
  refusedWith(await open(old), 403, "phrase-unknown");
  assert.equal((await open(made)).status, 201);
  await client.signIn();
  assert.equal((await client.raw("GET", `/files/${node}/content`)).text, "content");
});

test("a re-key that is cut off anywhere goes on with the next unlocking, and one of the two phrases opens at any time", async (context) => {
  for (const cut of rekeyCrashPoints) {
    const device = await TestDevice.start(context);
    const { owner, phrase: old } = await claimed(device);
    await owner.send("POST", "/security/phrase/confirm", confirmation(old));
    const node = await upload(owner, "file", Buffer.from("content"));
    const made = await owner.call<NewPhrase>("POST", "/security/phrase", { password });
    device.atCrashPoint = (name) => {
      if (name === cut) throw new Error("cut off");
    };
    await owner.send("POST", "/security/rekey", { password, confirmation: confirmation(made) });
    while ((await owner.call<{ tasks: Task[] }>("GET", "/tasks")).tasks.some(({ state }) => state === "running")) {
      await delay(10);
    }
    device.atCrashPoint = () => undefined;
    await device.stop();
    await device.start();
    const client = device.client();
    await client.signIn();
    await delay(20);
    while ((await client.call<SecurityView>("GET", "/security")).slots.rekey !== "none") await delay(10);
    const { epoch } = (await client.call<SecurityView>("GET", "/security")).slots;
    assert.equal(epoch, cut === "before-rekey-slots" ? 1 : 2, cut);
    assert.equal((await client.raw("GET", `/files/${node}/content`)).text, "content", cut);
    await device.stop();
    writeFileSync(join(device.folder, "state/insecure-chip-seed"), new Uint8Array(32));
    await device.start();
    const phrases = cut === "before-rekey-slots" ? [made, old] : [old, made];
    for (const [at, status] of [403, 201].entries()) {
      const phrase = (phrases[at] ?? old).words.join(" ");
      const reply = await device.client().send("POST", "/open-volume", { phrase, newPassword: password });
      assert.equal(reply.status, status, `${cut}: ${reply.text}`);
    }
    await device.stop();
  }
});
