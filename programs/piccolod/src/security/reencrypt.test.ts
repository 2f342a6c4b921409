import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { NewPhrase, SecurityView, Task, Version } from "@piccolo/device-api";
import { type Client, password, refusedWith, TestDevice } from "../../test-support/device.ts";
import { claimed, confirmation } from "../../test-support/phrases.ts";
import { upload } from "../../test-support/uploading.ts";

const viewOf = async (client: Client): Promise<SecurityView["reencryption"]> =>
  (await client.call<SecurityView>("GET", "/security")).reencryption;

async function ended(client: Client, id: string): Promise<Task> {
  for (;;) {
    const task = await client.call<Task>("GET", `/tasks/${id}`);
    if (task.state !== "running") return task;
    await delay(5);
  }
}

async function rekey(client: Client): Promise<void> {
  const made = await client.call<NewPhrase>("POST", "/security/phrase", { password });
  const { id } = await client.call<Task>("POST", "/security/rekey", { password, confirmation: confirmation(made) });
  assert.equal((await ended(client, id)).state, "done");
}

/** A device whose owner has files, one of them in two versions, and has changed the key since. */
async function rekeyed(context: TestContext) {
  const device = await TestDevice.start(context);
  const { owner, phrase } = await claimed(device);
  await owner.send("POST", "/security/phrase/confirm", confirmation(phrase));
  assert.deepEqual(await viewOf(owner), { state: "none", versions: 0, bytes: 0 });
  const nodes = [];
  for (let at = 0; at < 5; at++) nodes.push(await upload(owner, `file ${at}`, Buffer.from(`content ${at}`)));
  await upload(owner, "file 0", Buffer.from("another"), { onConflict: "version" });
  await upload(owner, "empty", Buffer.alloc(0));
  await rekey(owner);
  return { device, owner, nodes };
}

/** What a client sees of a file. */
async function seen(client: Client, node: string): Promise<unknown> {
  const content = await client.raw("GET", `/files/${node}/content`);
  const { versions } = await client.call<{ versions: Version[] }>("GET", `/files/${node}/versions`);
  return {
    text: content.text,
    etag: content.headers["etag"],
    versions,
    node: await client.call("GET", `/files/${node}`),
  };
}

/** The first version asked for waits until the test opens the gate. */
function closeGate(device: TestDevice): { readonly reached: Promise<unknown>; open(): void } {
  const [reached, gate] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  let asked = 0;
  device.control.sealGate = () => {
    if (asked++ === 0) return Promise.resolve();
    reached.resolve(undefined);
    return gate.promise;
  };
  return { reached: reached.promise, open: () => gate.resolve(undefined) };
}

test("after a re-key new keys are offered for what there was before, and every version gets one and stays what it is", async (context) => {
  const { owner, nodes } = await rekeyed(context);
  const offered = await viewOf(owner);
  assert.deepEqual(offered, { state: "offered", versions: 7, bytes: 5 * 9 + 7 });
  const before = await Promise.all(nodes.map((node) => seen(owner, node)));
  const late = await upload(owner, "written since", Buffer.from("new"));
  assert.deepEqual(await viewOf(owner), offered, "what is written since has a new key already");
  const task = await owner.call<Task>("POST", "/security/re-encrypt", { password });
  assert.deepEqual([task.kind, task.cancellable], ["re-encrypt", true]);
  const { state, result, doneUnits, totalUnits } = await ended(owner, task.id);
  assert.deepEqual([state, result, doneUnits, totalUnits], ["done", { versions: 7, unreadable: 0 }, 52, 52]);
  assert.deepEqual(await viewOf(owner), { state: "none", versions: 0, bytes: 0 });
  assert.deepEqual(await Promise.all(nodes.map((node) => seen(owner, node))), before);
  assert.equal((await owner.raw("GET", `/files/${late}/content`)).text, "new");
});

test("who asks for it must know the password, while the device is unlocked and no key is being changed", async (context) => {
  const { device, owner } = await rekeyed(context);
  const ask = (given: string) => owner.send("POST", "/security/re-encrypt", { password: given });
  refusedWith(await ask("a wrong guess"), 401, "wrong-password");
  await owner.send("POST", "/lock");
  refusedWith(await ask(password), 423, "locked");
  await owner.signIn();
  device.atCrashPoint = (name) => {
    if (name === "after-rekey-slots") throw new Error("cut off");
  };
  const made = await owner.call<NewPhrase>("POST", "/security/phrase", { password });
  await owner.send("POST", "/security/rekey", { password, confirmation: confirmation(made) });
  refusedWith(await ask(password), 409, "rekey-running");
});

test("it is cancelled where it stands: what has a new key keeps it, and nothing goes on after a restart", async (context) => {
  const { device, owner, nodes } = await rekeyed(context);
  const gate = closeGate(device);
  const { id } = await owner.call<Task>("POST", "/security/re-encrypt", { password });
  await gate.reached;
  assert.equal((await viewOf(owner)).state, "running");
  refusedWith(await owner.send("POST", "/security/re-encrypt", { password }), 409, "task-running");
  assert.equal((await owner.call<Task>("DELETE", `/tasks/${id}`)).state, "cancelled");
  const left = await viewOf(owner);
  assert.equal(left.state, "offered");
  assert.ok(left.versions > 0 && left.versions < 7);
  await device.stop();
  await device.start();
  const client = device.client();
  await client.signIn();
  assert.deepEqual(await viewOf(client), left);
  for (const [at, node] of nodes.slice(1).entries()) {
    assert.equal((await client.raw("GET", `/files/${node}/content`)).text, `content ${at + 1}`);
  }
});

test("what a restart cuts off goes on once the device is unlocked, and counts from where it stood", async (context) => {
  const { device, owner } = await rekeyed(context);
  const gate = closeGate(device);
  await owner.call<Task>("POST", "/security/re-encrypt", { password });
  await gate.reached;
  const stopped = device.stop();
  gate.open();
  await stopped;
  device.control.sealGate = () => Promise.resolve();
  await device.start();
  const client = device.client();
  await client.signIn();
  const task = await (async () => {
    for (;;) {
      const { tasks } = await client.call<{ tasks: Task[] }>("GET", "/tasks");
      const found = tasks.find(({ kind, error }) => kind === "re-encrypt" && error === undefined);
      if (found !== undefined) return found;
      await delay(5);
    }
  })();
  const { state, doneUnits, totalUnits } = await ended(client, task.id);
  assert.deepEqual([state, doneUnits, totalUnits], ["done", 52, 52]);
  assert.deepEqual(await viewOf(client), { state: "none", versions: 0, bytes: 0 });
});

test("locking the device makes it wait, and unlocking goes on with the same task", async (context) => {
  const { device, owner } = await rekeyed(context);
  const gate = closeGate(device);
  const { id } = await owner.call<Task>("POST", "/security/re-encrypt", { password });
  await gate.reached;
  await owner.send("POST", "/lock");
  gate.open();
  const stepOf = async (): Promise<string> => (await owner.call<Task>("GET", `/tasks/${id}`)).step;
  while (!/unlocked/.test(await stepOf())) await delay(5);
  await owner.signIn();
  assert.equal((await ended(owner, id)).state, "done");
  assert.deepEqual(await viewOf(owner), { state: "none", versions: 0, bytes: 0 });
});

test("files that are renamed, put into the trash, superseded and removed meanwhile are what their owner made them", async (context) => {
  const { device, owner, nodes } = await rekeyed(context);
  const [, renamed = "", trashed = "", superseded = "", removed = ""] = nodes;
  const gate = closeGate(device);
  const { id } = await owner.call<Task>("POST", "/security/re-encrypt", { password });
  await gate.reached;
  await owner.call("PATCH", `/files/${renamed}`, { name: "renamed" });
  await owner.call("DELETE", `/files/${trashed}`);
  await upload(owner, "file 3", Buffer.from("newer"), { onConflict: "version" });
  await owner.call("DELETE", `/files/${removed}`);
  await owner.call("DELETE", `/trash/${removed}`);
  gate.open();
  assert.equal((await ended(owner, id)).state, "done");
  assert.equal((await owner.call<{ name: string }>("GET", `/files/${renamed}`)).name, "renamed");
  assert.equal((await owner.raw("GET", `/files/${superseded}/content`)).text, "newer");
  assert.equal((await owner.send("GET", `/files/${removed}`)).status, 404);
  await owner.call("POST", `/trash/${trashed}/restore`);
  assert.equal((await owner.raw("GET", `/files/${trashed}/content`)).text, "content 2");
  assert.deepEqual(await viewOf(owner), { state: "none", versions: 0, bytes: 0 });
});
