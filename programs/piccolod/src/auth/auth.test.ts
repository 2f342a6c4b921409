import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { NewPhrase, Session, Status } from "@piccolo/device-api";
import { ask, claimCode, contentFolder, password, refusedWith, TestDevice } from "../../test-support/device.ts";
import { confirmation } from "../../test-support/phrases.ts";

const claim = { claimCode, ownerName: "Ada", password };

test("a device is claimed once, with its code", async (context) => {
  const device = await TestDevice.start(context);
  const client = device.client();
  assert.equal((await client.call<Status>("GET", "/status")).phase, "unclaimed");
  refusedWith(await client.send("POST", "/session", { password }), 409, "not-claimed");
  refusedWith(await client.send("POST", "/claim", { ...claim, claimCode: "guess" }), 403, "wrong-claim-code");
  refusedWith(await client.send("POST", "/claim", { ...claim, password: "too short" }), 400, "invalid-request");
  refusedWith(await client.send("POST", "/claim", { ...claim, ownerName: "\u202eadA" }), 400, "name-refused");
  await client.claim();
  const status = await client.call<Status>("GET", "/status");
  assert.deepEqual([status.phase, status.signedIn, status.deviceName], ["ready", true, "device1"]);
  refusedWith(await device.client().send("POST", "/claim", claim), 409, "already-claimed");
  assert.equal((await client.call<Session>("GET", "/session")).ownerName, "Ada");
});

test("two claims at once make one owner", async (context) => {
  const device = await TestDevice.start(context);
  const replies = await Promise.all([1, 2].map(() => device.client().send("POST", "/claim", claim)));
  assert.deepEqual(replies.map(({ status }) => String(status)).sort(), ["201", "409"]);
});

test("a device without a claim code cannot be claimed, not even with an empty one", async (context) => {
  const device = await TestDevice.start(context);
  writeFileSync(join(device.folder, "claim-code"), "\n");
  for (const code of [" ", claimCode]) {
    refusedWith(await device.client().send("POST", "/claim", { ...claim, claimCode: code }), 403, "wrong-claim-code");
  }
});

test("the cookie is for this device's own pages alone", async (context) => {
  const device = await TestDevice.start(context);
  const reply = await device.client().send("POST", "/claim", claim);
  const cookie = String(reply.headers["set-cookie"]);
  assert.match(cookie, /^piccolo_device1=[\w-]{43}; /);
  for (const part of ["HttpOnly", "SameSite=Strict", "Path=/"]) assert.ok(cookie.includes(part), part);
  assert.doesNotMatch(cookie, /Domain/);
});

test("guessing is slowed down, and the owner gets in when the time is over", async (context) => {
  const device = await TestDevice.start(context);
  await device.owner();
  const client = device.client();
  const guess = () => client.send("POST", "/session", { password: "a wrong guess" });
  for (let at = 0; at < 5; at++) refusedWith(await guess(), 401, "wrong-password");
  const slowed = await guess();
  refusedWith(slowed, 429, "too-many-attempts");
  assert.equal(slowed.headers["retry-after"], "1");
  refusedWith(await client.send("POST", "/session", { password }), 429, "too-many-attempts");
  device.world.aheadMs += 1_000;
  refusedWith(await guess(), 401, "wrong-password");
  device.world.aheadMs += 1_000;
  refusedWith(await guess(), 429, "too-many-attempts");
  device.world.aheadMs += 1_000;
  await client.signIn();
  for (let at = 0; at < 5; at++) refusedWith(await guess(), 401, "wrong-password");
});

test("attempts that run at once are counted before they are looked at", async (context) => {
  const device = await TestDevice.start(context);
  await device.owner();
  const replies = await Promise.all(
    Array.from({ length: 12 }, () => device.client().send("POST", "/session", { password: "a wrong guess" })),
  );
  assert.equal(replies.filter(({ status }) => status === 401).length, 5);
  assert.equal(replies.filter(({ status }) => status === 429).length, 7);
});

test("a session lives 30 days from its last use", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const dayMs = 24 * 3_600_000;
  device.world.aheadMs += 29 * dayMs;
  const used = await owner.raw("GET", "/session");
  assert.match(String(used.headers["set-cookie"]), /^piccolo_device1=/, "the cookie is given more time as well");
  device.world.aheadMs += 29 * dayMs;
  assert.equal((await owner.raw("GET", "/session")).status, 200);
  assert.equal((await owner.raw("GET", "/session")).headers["set-cookie"], undefined, "but not at each request");
  device.world.aheadMs += 31 * dayMs;
  refusedWith(await owner.raw("GET", "/session"), 401, "sign-in-required");
});

test("who unlocks with a session that is alive keeps it, so that its other pages go on", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  for (const isLocked of [true, false]) {
    if (isLocked) await owner.call("POST", "/lock");
    refusedWith(await owner.send("POST", "/unlock", { password: "a wrong guess" }), 401, "wrong-password");
    const reply = await owner.send("POST", "/unlock", { password });
    assert.equal(reply.status, 201);
    assert.equal((JSON.parse(reply.text) as Session).csrf, owner.csrf);
    assert.equal(reply.headers["set-cookie"], undefined);
    // A page that was open before, with the token it has.
    await owner.call("POST", "/files/folders", { parent: "root", name: `after ${isLocked}` });
  }
});

test("who unlocks without a session, or with one that has ended, gets one", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const ended = device.client();
  await ended.signIn();
  await ended.call("DELETE", "/session");
  for (const client of [device.client(), ended]) {
    await owner.call("POST", "/lock");
    const reply = await client.send("POST", "/unlock", { password });
    assert.equal(reply.status, 201);
    const { csrf } = JSON.parse(reply.text) as Session;
    const cookie = String(reply.headers["set-cookie"]).split(";")[0] ?? "";
    assert.ok(csrf !== owner.csrf && cookie !== owner.cookie);
    [client.cookie, client.csrf] = [cookie, csrf];
    await client.call("DELETE", "/session");
  }
});

test("a session that ends while its password is being looked at is not handed out", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const { keyring } = device.inside;
  const openRoot = keyring.openRoot.bind(keyring);
  keyring.openRoot = async (given) => {
    await owner.call("DELETE", "/session");
    return openRoot(given);
  };
  const reply = await owner.send("POST", "/unlock", { password });
  assert.equal(reply.status, 201);
  refusedWith(await owner.raw("GET", "/session"), 401, "sign-in-required");
  const cookie = String(reply.headers["set-cookie"]).split(";")[0] ?? "";
  owner.cookie = cookie;
  assert.equal((await owner.call<Session>("GET", "/session")).csrf, (JSON.parse(reply.text) as Session).csrf);
});

test("signing out ends the session", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const reply = await owner.raw("DELETE", "/session");
  assert.equal(reply.status, 204);
  assert.match(String(reply.headers["set-cookie"]), /Max-Age=0/);
  refusedWith(await owner.raw("GET", "/session"), 401, "sign-in-required");
});

test("a new password takes the old one, ends other sessions, and is one the contract allows", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const other = device.client();
  await other.signIn();
  const change = (oldPassword: string, newPassword: string) =>
    owner.send("POST", "/session/password", { oldPassword, newPassword });
  refusedWith(await change("wrong password", "a good new one"), 401, "wrong-password");
  refusedWith(await change(password, "short"), 400, "invalid-request");
  assert.equal((await change(password, "a good new one")).status, 204);
  assert.equal((await owner.raw("GET", "/session")).status, 200);
  refusedWith(await other.raw("GET", "/session"), 401, "sign-in-required");
  refusedWith(await other.send("POST", "/session", { password }), 401, "wrong-password");
  await other.signIn("a good new one");
});

test("a change of the password that fails has ended the other sessions, whether the new one is durable by then or not", async (context) => {
  for (const failing of ["before-reseal", "after-reseal"]) {
    const device = await TestDevice.start(context);
    const owner = await device.owner();
    const other = device.client();
    await other.signIn();
    device.atCrashPoint = (name) => {
      if (name === failing) throw new Error("the chip is gone");
    };
    const change = { oldPassword: password, newPassword: "another password 2" };
    refusedWith(await owner.send("POST", "/session/password", change), 500, "internal");
    device.atCrashPoint = () => undefined;
    refusedWith(await other.send("GET", "/session"), 401, "sign-in-required");
    assert.equal((await owner.send("GET", "/session")).status, 200);
    await device.client().signIn(failing === "before-reseal" ? password : change.newPassword);
  }
});

const newPassword = "another password 2";

/** An owner who has the paper with the phrase in use. */
async function withPhrase(device: TestDevice) {
  const owner = await device.owner();
  const made = await owner.call<NewPhrase>("POST", "/security/phrase", { password });
  await owner.call("POST", "/security/phrase/confirm", confirmation(made));
  return { owner, phrase: made.words.join(" ") };
}

test("who has forgotten the password gives the phrase and a new one, whether the device is locked or not", async (context) => {
  for (const isLocked of [true, false]) {
    const device = await TestDevice.start(context);
    const { owner, phrase } = await withPhrase(device);
    if (isLocked) {
      await device.stop();
      await device.start();
    }
    const client = device.client();
    const reply = await client.send("POST", "/reset-login", { phrase, newPassword });
    assert.equal(reply.status, 201, reply.text);
    client.cookie = String(reply.headers["set-cookie"]).split(";")[0] ?? "";
    client.csrf = (JSON.parse(reply.text) as Session).csrf;
    await client.call("POST", "/files/folders", { parent: "root", name: "after it" });
    const before = device.client();
    Object.assign(before, { cookie: owner.cookie, csrf: owner.csrf });
    refusedWith(await before.send("GET", "/session"), 401, "sign-in-required");
    refusedWith(await device.client().send("POST", "/session", { password }), 401, "wrong-password");
    await device.client().signIn(newPassword);
    await device.stop();
    await device.start();
    await device.client().signIn(newPassword);
  }
});

test("a phrase that is another one, or misspelt, changes no password, and guesses at it are slowed down", async (context) => {
  const device = await TestDevice.start(context);
  const { owner, phrase } = await withPhrase(device);
  const other = await owner.call<NewPhrase>("POST", "/security/phrase", { password });
  const client = device.client();
  const reset = (given: string, chosen = newPassword) =>
    client.send("POST", "/reset-login", { phrase: given, newPassword: chosen });
  refusedWith(await reset(phrase, "short"), 400, "invalid-request");
  const misspelt = phrase.replace(/^\w+/, "abandom");
  const problem = refusedWith(await reset(misspelt), 400, "phrase-misspelt");
  assert.match(JSON.stringify(problem.details), /"suggestions":\["abandon"/);
  for (let at = 1; at < 5; at++) refusedWith(await reset(other.words.join(" ")), 403, "phrase-unknown");
  refusedWith(await reset(phrase), 429, "too-many-attempts");
  assert.equal((await owner.send("GET", "/session")).status, 200);
  device.world.aheadMs += 1_000;
  await device.client().signIn();
});

test("a device without an owner has no password to forget", async (context) => {
  const device = await TestDevice.start(context);
  const phrase = "word ".repeat(24).trim();
  refusedWith(await device.client().send("POST", "/reset-login", { phrase, newPassword }), 409, "not-claimed");
});

test("a new password by the phrase that fails has ended all sessions before it", async (context) => {
  const device = await TestDevice.start(context);
  const { owner, phrase } = await withPhrase(device);
  device.atCrashPoint = (name) => {
    if (name === "before-reseal") throw new Error("the chip is gone");
  };
  refusedWith(await device.client().send("POST", "/reset-login", { phrase, newPassword }), 500, "internal");
  device.atCrashPoint = () => undefined;
  refusedWith(await owner.send("GET", "/session"), 401, "sign-in-required");
  await device.client().signIn();
});

test("a password is the same however its letters were put together", async (context) => {
  const device = await TestDevice.start(context);
  await device.client().send("POST", "/claim", { ...claim, password: "caf\u00e9 caf\u00e9 caf\u00e9" });
  await device.client().signIn("cafe\u0301 cafe\u0301 cafe\u0301");
});

test("owner, sessions and device key survive a restart, and no file is readable by others", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  await device.stop();
  const content = contentFolder(device.folder);
  const key = readFileSync(join(content, "device-key"));
  for (const folder of [join(device.folder, "state"), content]) assert.equal(statSync(folder).mode & 0o777, 0o700);
  for (const file of ["identity", "device-key", "control.db", "owner.db", "holder.db"]) {
    assert.equal(statSync(join(content, file)).mode & 0o077, 0, file);
  }
  assert.equal(statSync(join(device.folder, "state/outside")).mode & 0o077, 0);
  await device.start();
  assert.equal((await device.client().call<Status>("GET", "/status")).phase, "locked");
  const again = device.client();
  again.cookie = owner.cookie;
  assert.equal((await again.call<Session>("GET", "/session")).csrf, owner.csrf);
  assert.deepEqual(readFileSync(join(content, "device-key")), key);
});

test("a damaged file of the owner's keys stops the device instead of making it a new one", async (context) => {
  const device = await TestDevice.start(context);
  await device.owner();
  await device.stop();
  const path = join(device.folder, "state/volume/plain/content/identity");
  const content = readFileSync(path, "utf8");
  for (const damaged of ["", "{}", content.slice(0, -20), content.replace(/"metadataKey":"../, '"metadataKey":"')]) {
    writeFileSync(path, damaged);
    await assert.rejects(device.start(), (error: Error & { code?: string }) => {
      assert.equal(error.code, "identity-damaged");
      return !error.message.includes(content.slice(60, 80)) && error.cause === undefined;
    });
  }
  writeFileSync(path, content);
  await device.start();
});

test("a state folder serves one device at a time", async (context) => {
  const device = await TestDevice.start(context);
  const running = device.client();
  await assert.rejects(device.start(), { code: "state-in-use" });
  assert.equal((await running.raw("GET", "/status")).status, 200);
});

test("neither log nor database shows a password, a token or the claim code", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  await device.client().send("POST", "/session", { password: "another secret guess" });
  await device.stop();
  const secrets = [password, claimCode, "another secret guess", owner.cookie.split("=")[1] ?? "", owner.csrf];
  const content = contentFolder(device.folder);
  const texts = [
    device.logLines.join("\n"),
    readFileSync(join(device.folder, "state/outside"), "latin1"),
    ...["control.db", "owner.db", "identity"].map((name) => readFileSync(join(content, name), "latin1")),
  ];
  for (const secret of secrets) for (const text of texts) assert.ok(!text.includes(secret), secret);
});

test("the port of another device on this machine is another origin", async (context) => {
  const [first, second] = [await TestDevice.start(context), await TestDevice.start(context)];
  await first.owner();
  const owner = await second.owner();
  const headers = { cookie: owner.cookie, origin: first.origin, "x-piccolo-csrf": owner.csrf };
  refusedWith(await ask(second.origin, "DELETE", "/api/v1/session", { headers }), 403, "csrf");
});
