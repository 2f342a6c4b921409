import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import type { Recovering, Session, Status, Task } from "@piccolo/device-api";
import { newPhrase } from "@piccolo/envelope";
import { realWorld } from "@piccolo/world/real";
import { claimCode, type Client, password, refusedWith, TestDevice } from "../../test-support/device.ts";

const phrase = newPhrase(realWorld).join(" ");
const given = { claimCode, phrase, newPassword: password };

/** An address where connections are taken and nothing is said, until they are broken off. */
async function silentPlace(context: TestContext): Promise<{ readonly place: string; readonly breakOff: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.on("error", () => undefined)));
  const breakOff = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  context.after(breakOff);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { place: `/ip4/127.0.0.1/tcp/${(server.address() as AddressInfo).port}`, breakOff };
}

async function begin(client: Client, more: Readonly<Record<string, string>> = {}): Promise<Task> {
  const reply = await client.send("POST", "/recover", { ...given, ...more });
  assert.equal(reply.status, 202, reply.text);
  const { task, session } = JSON.parse(reply.text) as Recovering;
  client.cookie = String(reply.headers["set-cookie"]).split(";")[0] ?? "";
  client.csrf = session.csrf;
  return task;
}

/** As it ended. */
async function ended(client: Client, task: Task): Promise<Task> {
  let now = task;
  while (now.state === "running") {
    await new Promise((resolve) => setTimeout(resolve, 20));
    now = await client.call<Task>("GET", `/tasks/${task.id}`);
  }
  return now;
}

test("what was mistyped is refused before anything begins, and misspelt words come back with suggestions", async (context) => {
  const device = await TestDevice.start(context);
  const client = device.client();
  const send = (more: Readonly<Record<string, string>>) => client.send("POST", "/recover", { ...given, ...more });
  refusedWith(await send({ claimCode: "wrong" }), 403, "wrong-claim-code");
  refusedWith(await send({ phrase: "abandon" }), 400, "phrase-length");
  refusedWith(await send({ place: "somewhere" }), 400, "place-refused");
  refusedWith(await send({ newPassword: "short" }), 400, "invalid-request");
  const misspelt = refusedWith(await send({ phrase: phrase.replace(/^\S+/, "abandom") }), 400, "phrase-misspelt");
  assert.match(JSON.stringify(misspelt.details), /"suggestions":\["abandon"/);
  assert.ok(!device.logLines.join("").includes("abandom"));
  refusedWith(await client.raw("GET", "/session"), 401, "sign-in-required");
});

test("a device with an owner recovers nobody", async (context) => {
  const device = await TestDevice.start(context);
  await device.owner();
  refusedWith(await device.client().send("POST", "/recover", given), 409, "already-claimed");
});

test("with nobody in reach it fails, says so, leaves nothing, and the device can be claimed", async (context) => {
  const device = await TestDevice.start(context);
  const client = device.client();
  const { place, breakOff } = await silentPlace(context);
  const task = await begin(client, { place });
  refusedWith(
    await device.client().send("POST", "/claim", { claimCode, ownerName: "Ada", password }),
    409,
    "already-claimed",
  );
  refusedWith(await device.client().send("POST", "/recover", given), 409, "already-claimed");
  refusedWith(await client.raw("GET", "/files"), 423, "locked");
  breakOff();
  const over = await ended(client, task);
  assert.deepEqual([over.state, over.error?.code], ["failed", "no-members-reachable"]);
  assert.equal((await client.call<Status>("GET", "/status")).phase, "unclaimed");
  const owner = await device.owner();
  assert.equal((await owner.call<Session>("GET", "/session")).ownerName, "Ada");
  refusedWith(await client.raw("GET", "/session"), 401, "sign-in-required");
  assert.ok(!device.logLines.join("").includes(phrase.slice(0, 20)));
});

test("it can be cancelled, and a restart forgets it and its session", async (context) => {
  const device = await TestDevice.start(context);
  const client = device.client();
  const { place } = await silentPlace(context);
  const task = await begin(client, { place });
  const cancelled = await client.call<Task>("DELETE", `/tasks/${task.id}`);
  assert.equal(cancelled.state, "cancelled");
  await begin(client, { place });
  await device.stop();
  await device.start();
  const again = device.client();
  Object.assign(again, { cookie: client.cookie, csrf: client.csrf });
  refusedWith(await again.raw("GET", "/session"), 401, "sign-in-required");
  assert.equal((await again.call<Status>("GET", "/status")).phase, "unclaimed");
  await begin(again);
});

test("nothing is accepted or taken back where nothing is to be", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  refusedWith(await owner.send("POST", "/security/accept-recovery", { password: "wrong" }), 401, "wrong-password");
  refusedWith(await owner.send("POST", "/security/accept-recovery", { password }), 409, "nothing-to-accept");
  const confirmation = { words: [{ position: 1, word: "abandon" }] };
  refusedWith(await owner.send("POST", "/security/reclaim", { password, confirmation }), 409, "not-replaced");
});
