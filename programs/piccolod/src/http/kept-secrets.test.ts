import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { NewPhrase, Session, Task } from "@piccolo/device-api";
import { newPhrase } from "@piccolo/envelope";
import { realWorld } from "@piccolo/world/real";
import { claimCode, contentFolder, password, TestDevice } from "../../test-support/device.ts";

const key = { "idempotency-key": "once-1" };

/** Whether any file of the device's content holds the bytes. */
function holds(device: TestDevice, bytes: Uint8Array): boolean {
  const folder = contentFolder(device.folder);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .some((entry) => readFileSync(join(entry.parentPath, entry.name)).includes(bytes));
}

test("no hash of a password is kept with the replies, by which guesses could be tried without chip and cost", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const change = { oldPassword: password, newPassword: "another good password" };
  const sent = await owner.send("POST", "/session/password", change, key);
  assert.equal(sent.status, 204, sent.text);
  const plain = createHash("sha256")
    .update(`POST /api/v1/session/password\n${JSON.stringify(change)}`)
    .digest();
  assert.ok(!holds(device, plain));
  const again = await owner.send("POST", "/session/password", change, key);
  assert.deepEqual([again.status, again.headers["idempotent-replay"]], [204, "true"]);
});

test("the phrase that a claim shows is kept in no reply, whatever session claims", async (context) => {
  const device = await TestDevice.start(context);
  const client = device.client();
  const given = { claimCode, phrase: newPhrase(realWorld).join(" "), newPassword: password, place: "" };
  const begun = await client.send("POST", "/recover", given);
  assert.equal(begun.status, 202, begun.text);
  const { task, session } = JSON.parse(begun.text) as { readonly task: Task; readonly session: Session };
  client.cookie = String(begun.headers["set-cookie"]).split(";")[0] ?? "";
  client.csrf = session.csrf;
  while ((await client.call<Task>("GET", `/tasks/${task.id}`)).state === "running") await delay(20);
  const claim = await client.send("POST", "/claim", { claimCode, ownerName: "Ada", password }, key);
  assert.equal(claim.status, 201, claim.text);
  const { words } = (JSON.parse(claim.text) as { readonly phrase: NewPhrase }).phrase;
  assert.ok(!holds(device, Buffer.from(JSON.stringify(words).slice(1, -1))));
});
