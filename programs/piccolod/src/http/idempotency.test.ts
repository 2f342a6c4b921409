import assert from "node:assert/strict";
import { test } from "node:test";
import type { Listing, Node } from "@piccolo/device-api";
import { refusedWith, TestDevice } from "../../test-support/device.ts";

const key = { "idempotency-key": "0b6f-1" };

test("a repeated change is done once, and its first reply is given again, also after a restart", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const create = () => owner.send("POST", "/files/folders", { parent: "root", name: "a" }, key);
  const [first, second] = [await create(), await create()];
  assert.deepEqual([first.status, second.status, second.text], [201, 201, first.text]);
  assert.equal(second.headers["idempotent-replay"], "true");
  await device.stop();
  await device.start();
  await device.client().signIn();
  const again = Object.assign(device.client(), { cookie: owner.cookie, csrf: owner.csrf });
  const reply = await again.send("POST", "/files/folders", { parent: "root", name: "a" }, key);
  assert.equal(reply.text, first.text);
  assert.equal((await again.call<Listing>("GET", "/files")).nodes.length, 1);
});

test("a refusal is repeated too, and a reply without a body", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  const node = await owner.call<Node>("POST", "/files/folders", { parent: "root", name: "a" });
  const refuse = () => owner.send("POST", "/files/folders", { parent: "root", name: "a" }, key);
  refusedWith(await refuse(), 409, "name-taken");
  const remove = () => owner.send("DELETE", `/files/${node.id}`, undefined, { "idempotency-key": "other" });
  assert.deepEqual([(await remove()).status, (await remove()).status], [204, 204]);
  refusedWith(await refuse(), 409, "name-taken");
});

test("a key that served for another change is refused", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  await owner.send("POST", "/files/folders", { parent: "root", name: "a" }, key);
  refusedWith(
    await owner.send("POST", "/files/folders", { parent: "root", name: "b" }, key),
    422,
    "idempotency-key-reused",
  );
  refusedWith(await owner.send("DELETE", "/trash", undefined, key), 422, "idempotency-key-reused");
});

test("keys of two sessions are different keys, and a key has to be one", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const second = device.client();
  await second.signIn();
  await owner.send("POST", "/files/folders", { parent: "root", name: "a" }, key);
  assert.equal((await second.send("POST", "/files/folders", { parent: "root", name: "b" }, key)).status, 201);
  for (const bad of ["", "x".repeat(129), "a b"]) {
    const reply = await owner.send("POST", "/files/folders", { parent: "root", name: "c" }, { "idempotency-key": bad });
    refusedWith(reply, 400, "invalid-request");
  }
});

test("a failure of the device is not kept for its key", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  device.atCrashPoint = () => {
    throw new Error("once");
  };
  const create = () => owner.send("POST", "/files/folders", { parent: "root", name: "a" }, key);
  refusedWith(await create(), 500, "internal");
  device.atCrashPoint = () => undefined;
  assert.equal((await create()).status, 201);
});
