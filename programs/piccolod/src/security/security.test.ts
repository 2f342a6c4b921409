import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Claimed, NewPhrase, SecurityView, Session, Status } from "@piccolo/device-api";
import { claimCode, type Client, contentFolder, password, refusedWith, TestDevice } from "../../test-support/device.ts";
import { claimed, confirmation } from "../../test-support/phrases.ts";
import { begin, isTaken, patch } from "../../test-support/uploading.ts";

const claim = { claimCode, ownerName: "Ada", password };
const phase = async (client: Client): Promise<string> => (await client.call<Status>("GET", "/status")).phase;

test("a claim gives the phrase once, and it is confirmed by two of its words", async (context) => {
  const device = await TestDevice.start(context);
  const reply = await device.client().send("POST", "/claim", claim);
  const { phrase, phraseConfirmed } = JSON.parse(reply.text) as Claimed & { readonly phrase: NewPhrase };
  assert.equal(phrase.words.length, 24);
  assert.equal(new Set(phrase.askedBack).size, 2);
  assert.equal(phraseConfirmed, false);
  const owner = device.client();
  await owner.signIn();
  const wrong = { words: phrase.askedBack.map((position) => ({ position, word: "zoo" })) };
  refusedWith(await owner.send("POST", "/security/phrase/confirm", wrong), 409, "phrase-not-confirmed");
  assert.equal((await owner.send("POST", "/security/phrase/confirm", confirmation(phrase))).status, 204);
  assert.equal((await owner.call<Session>("GET", "/session")).phraseConfirmed, true);
  refusedWith(await owner.send("POST", "/security/phrase/confirm", confirmation(phrase)), 409, "no-phrase-waiting");
});

test("guessed words end the phrase that waits, and the whole phrase confirms itself at any later time", async (context) => {
  const device = await TestDevice.start(context);
  const reply = await device.client().send("POST", "/claim", claim);
  const { phrase } = JSON.parse(reply.text) as Claimed & { readonly phrase: NewPhrase };
  await device.stop();
  await device.start();
  const owner = device.client();
  await owner.signIn();
  refusedWith(await owner.send("POST", "/security/phrase/confirm", confirmation(phrase)), 409, "no-phrase-waiting");
  const text = phrase.words.join(" ");
  const misspelt = text.replace(phrase.words[4] ?? "", "abandom");
  const problem = refusedWith(
    await owner.send("POST", "/security/phrase/confirm", { phrase: misspelt }),
    400,
    "phrase-misspelt",
  );
  assert.match(JSON.stringify(problem.details), /"suggestions":\["abandon"/);
  assert.equal((await owner.send("POST", "/security/phrase/confirm", { phrase: text })).status, 204);
  const headers = { "idempotency-key": "once" };
  const twice = [1, 2].map(() => owner.send("POST", "/security/phrase", { password }, headers));
  const [first, again] = (await Promise.all(twice)).map(({ text: body }) => JSON.parse(body) as NewPhrase);
  assert.notDeepEqual(first?.words, again?.words, "a phrase is kept nowhere, so it is not given again");
  const made = await owner.call<NewPhrase>("POST", "/security/phrase", { password });
  for (let at = 0; at < 5; at++) {
    const guess = { words: made.askedBack.map((position) => ({ position, word: "zoo" })) };
    refusedWith(await owner.send("POST", "/security/phrase/confirm", guess), 409, "phrase-not-confirmed");
  }
  refusedWith(await owner.send("POST", "/security/phrase/confirm", confirmation(made)), 409, "no-phrase-waiting");
});

test("a restarted device is locked: no route shows, reads or changes files until the password comes", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const folder = await owner.call<{ id: string }>("POST", "/files/folders", { parent: "root", name: "secret" });
  await device.stop();
  await device.start();
  const client = device.client();
  Object.assign(client, { cookie: owner.cookie, csrf: owner.csrf });
  assert.equal(await phase(client), "locked");
  const locked: readonly (readonly [string, string, unknown?])[] = [
    ["GET", "/files"],
    ["GET", "/files/search?q=secret"],
    ["POST", "/files/folders", { parent: "root", name: "other" }],
    ["GET", `/files/${folder.id}`],
    ["PATCH", `/files/${folder.id}`, { name: "renamed" }],
    ["DELETE", `/files/${folder.id}`],
    ["GET", `/files/${folder.id}/versions`],
    ["GET", `/files/${folder.id}/placement`],
    ["GET", `/files/${folder.id}/content`],
    ["GET", "/trash"],
    ["POST", `/trash/${folder.id}/restore`],
    ["DELETE", "/trash"],
    ["GET", "/uploads"],
    ["POST", "/uploads"],
    ["HEAD", "/uploads/x"],
    ["GET", "/x/../files"],
    ["GET", "/network/invitations"],
    ["POST", "/network/invitations"],
    ["POST", "/network/join", {}],
    ["POST", "/network/found", { name: "Street" }],
    ["POST", "/app-backups/x/restore"],
    ["POST", "/app-backups/x/drill"],
    ["DELETE", "/app-backups/x"],
  ];
  for (const [method, path, body] of locked) {
    const reply = await client.send(method, path, body, { "tus-resumable": "1.0.0" });
    if (method === "HEAD") assert.equal(reply.status, 423, path);
    else refusedWith(reply, 423, "locked");
  }
  refusedWith(
    await client.send("POST", "/security/phrase/confirm", { words: [{ position: 1, word: "zoo" }] }),
    423,
    "locked",
  );
  const open = ["/status", "/session", "/network", "/tasks", "/security", "/security/recovery-sheet", "/app-backups"];
  for (const path of open) {
    assert.equal((await client.raw("GET", path)).status, 200, path);
  }
  refusedWith(await client.send("POST", "/unlock", { password: "a wrong guess" }), 401, "wrong-password");
  assert.equal(await phase(client), "locked");
  assert.equal((await device.client().send("POST", "/unlock", { password })).status, 201);
  assert.equal((await client.raw("GET", `/files/${folder.id}`)).status, 200);
});

test("locking takes the keys away at once, and a reply kept for a repeated request does not get around it", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const headers = { "idempotency-key": "once" };
  const body = { parent: "root", name: "secret" };
  assert.equal((await owner.send("POST", "/files/folders", body, headers)).status, 201);
  assert.equal((await owner.send("POST", "/lock")).status, 204);
  assert.equal(await phase(owner), "locked");
  refusedWith(await owner.send("POST", "/files/folders", body, headers), 423, "locked");
  assert.equal((await owner.send("POST", "/lock")).status, 204);
  refusedWith(await device.client().send("POST", "/lock"), 401, "sign-in-required");
  await owner.signIn();
  assert.equal(await phase(owner), "ready");
});

test("locking breaks off what is being written at that moment", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const gate = Promise.withResolvers<undefined>();
  device.control.writeGate = gate.promise;
  const id = await begin(owner, { filename: "file", sizeBytes: 7 });
  const writing = patch(owner, id, 0, Buffer.from("content")).then(
    () => "ended in order",
    () => "broken off",
  );
  await isTaken(owner);
  await owner.send("POST", "/lock");
  assert.equal(await writing, "broken off");
  refusedWith(await patch(owner, id, 0, Buffer.from("content")), 423, "locked");
  gate.resolve(undefined);
});

test("a new phrase takes the old one's place when it is confirmed; the root secret and the password stay", async (context) => {
  const device = await TestDevice.start(context);
  const { owner, phrase } = await claimed(device);
  const before = await owner.call<SecurityView>("GET", "/security");
  assert.deepEqual([before.slots.phrase.number, before.slots.phrase.state], [1, "unconfirmed"]);
  assert.equal((await owner.send("POST", "/security/phrase/confirm", confirmation(phrase))).status, 204);
  const after = await owner.call<SecurityView>("GET", "/security");
  assert.deepEqual([after.slots.phrase.number, after.slots.phrase.state, after.slots.epoch], [2, "confirmed", 1]);
  refusedWith(await owner.send("POST", "/security/phrase", { password: "wrong password" }), 401, "wrong-password");
  await device.client().signIn();
});

test("a device whose chip is another one is closed, and phrase and new password open it with all that is in it", async (context) => {
  const device = await TestDevice.start(context);
  const { owner, phrase } = await claimed(device);
  await owner.send("POST", "/security/phrase/confirm", confirmation(phrase));
  await owner.call("POST", "/files/folders", { parent: "root", name: "kept" });
  await device.stop();
  writeFileSync(join(device.folder, "state/insecure-chip-seed"), new Uint8Array(32));
  await device.start();
  const client = device.client();
  const status = await client.call<Status>("GET", "/status");
  assert.deepEqual([status.phase, status.reasons[0]?.code, status.opensWith], ["closed", "tpm-other-chip", ["phrase"]]);
  const text = phrase.words.join(" ");
  const newPassword = "a password for the new chip";
  const open = (words: string) => client.send("POST", "/open-volume", { phrase: words, newPassword });
  for (const path of ["/files", "/session", "/network", "/security", "/nothing"]) {
    refusedWith(await client.raw("GET", path), 423, "closed");
  }
  refusedWith(await client.send("POST", "/claim", claim), 423, "closed");
  refusedWith(await client.send("POST", "/unlock", { password }), 409, "nothing-to-open");
  refusedWith(await open([...phrase.words].reverse().join(" ")), 400, "phrase-checksum");
  refusedWith(await open(`${"abandon ".repeat(23)}art`), 403, "phrase-unknown");
  assert.equal(await phase(client), "closed");
  const reply = await open(text);
  assert.equal(reply.status, 201, reply.text);
  client.cookie = String(reply.headers["set-cookie"]).split(";")[0] ?? "";
  assert.equal(await phase(client), "ready");
  assert.match((await client.raw("GET", "/files")).text, /kept/);
  await device.stop();
  await device.start();
  assert.equal(await phase(device.client()), "locked", "the key is sealed in the new chip");
  refusedWith(await device.client().send("POST", "/unlock", { password }), 401, "wrong-password");
  await device.client().signIn(newPassword);
});

test("a device that asks at boot opens by its password, and no longer asks when it was told so", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const ask = (asker: Client, enabled: boolean) => asker.send("POST", "/security/ask-at-boot", { enabled, password });
  assert.equal((await ask(owner, true)).status, 204);
  await device.stop();
  await device.start();
  const client = device.client();
  const status = await client.call<Status>("GET", "/status");
  assert.deepEqual([status.phase, status.reasons[0]?.code], ["closed", "ask-at-boot"]);
  assert.deepEqual(status.opensWith, ["password", "phrase"]);
  refusedWith(await client.send("POST", "/unlock", { password: "a wrong guess" }), 401, "wrong-password");
  // The browser has the cookie of before, and its pages have the token that belongs to it.
  client.cookie = owner.cookie;
  const reply = await client.send("POST", "/unlock", { password });
  assert.equal(reply.status, 201, reply.text);
  assert.equal((JSON.parse(reply.text) as Session).csrf, owner.csrf);
  assert.ok(String(reply.headers["set-cookie"]).startsWith(`${owner.cookie};`));
  assert.equal(await phase(client), "ready");
  await client.signIn();
  assert.equal((await client.call<SecurityView>("GET", "/security")).askAtBoot, true);
  assert.equal((await ask(client, false)).status, 204);
  await device.stop();
  await device.start();
  assert.equal(await phase(device.client()), "locked");
});

test("guessing at a closed device is slowed down as at an open one", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  await owner.send("POST", "/security/ask-at-boot", { enabled: true, password });
  await device.stop();
  await device.start();
  const guess = () => device.client().send("POST", "/unlock", { password: "a wrong guess" });
  for (let at = 0; at < 5; at++) refusedWith(await guess(), 401, "wrong-password");
  refusedWith(await guess(), 429, "too-many-attempts");
  refusedWith(await device.client().send("POST", "/unlock", { password }), 429, "too-many-attempts");
});

test("what is missing is never taken for a new device", async (context) => {
  const device = await TestDevice.start(context);
  await device.owner();
  await device.stop();
  const state = join(device.folder, "state");
  const record = readFileSync(join(state, "outside"));
  const closed = async (code: string): Promise<void> => {
    await device.start();
    const status = await device.client().call<Status>("GET", "/status");
    assert.deepEqual([status.phase, status.reasons[0]?.code], ["closed", code]);
    await device.stop();
  };
  writeFileSync(join(state, "outside"), "damaged");
  await closed("record-damaged");
  rmSync(join(state, "outside"));
  await closed("record-missing");
  writeFileSync(join(state, "outside"), record);
  rmSync(join(state, "volume"), { recursive: true });
  await closed("volume-missing");
});

test("a reset needs the name, and the password or the claim code; then the device is a new one", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const reset = (client: Client, body: object) =>
    client.send("POST", "/factory-reset", { confirmation: "device1", ...body });
  refusedWith(await reset(device.client(), { password }), 401, "sign-in-required");
  refusedWith(await reset(owner, { confirmation: "device2", password }), 400, "not-the-device-name");
  refusedWith(await reset(owner, { password: "a wrong guess" }), 401, "wrong-password");
  refusedWith(await reset(owner, { claimCode }), 401, "wrong-password");
  refusedWith(await reset(owner, { phrase: `${"abandon ".repeat(23)}art` }), 403, "phrase-unknown");
  refusedWith(await reset(owner, { phrase: "abandon ability" }), 400, "phrase-length");
  refusedWith(await reset(device.client(), { phrase: `${"abandon ".repeat(23)}art` }), 401, "sign-in-required");
  assert.equal((await reset(owner, { password })).status, 204);
  while ((await phase(device.client())) !== "unclaimed") await new Promise((resolve) => setTimeout(resolve, 20));
  await device.owner();
  await device.stop();
  writeFileSync(join(device.folder, "state/outside"), "damaged");
  await device.start();
  const client = device.client();
  refusedWith(await reset(client, { password }), 403, "wrong-claim-code");
  assert.equal((await reset(client, { claimCode })).status, 204);
  while ((await phase(client)) !== "unclaimed") await new Promise((resolve) => setTimeout(resolve, 20));
});

test("who is signed in and has forgotten the password resets by the phrase", async (context) => {
  const device = await TestDevice.start(context);
  const { owner, phrase } = await claimed(device);
  const given = { confirmation: "device1", phrase: phrase.words.join(" ") };
  refusedWith(await owner.send("POST", "/factory-reset", given), 403, "phrase-unknown");
  await owner.call("POST", "/security/phrase/confirm", confirmation(phrase));
  refusedWith(await device.client().send("POST", "/factory-reset", given), 401, "sign-in-required");
  assert.equal((await owner.send("POST", "/factory-reset", given)).status, 204);
  while ((await phase(device.client())) !== "unclaimed") await new Promise((resolve) => setImmediate(resolve));
});

test("a claim that was cut short before its slots were written never happened", async (context) => {
  const device = await TestDevice.start(context);
  const before = readFileSync(join(device.folder, "state/outside"));
  const key = readFileSync(join(contentFolder(device.folder), "unclaimed-volume-key"));
  await device.owner();
  assert.ok(!readdirSync(contentFolder(device.folder)).includes("unclaimed-volume-key"));
  await device.stop();
  writeFileSync(join(device.folder, "state/outside"), before);
  writeFileSync(join(contentFolder(device.folder), "outside-copy"), before);
  writeFileSync(join(contentFolder(device.folder), "unclaimed-volume-key"), key);
  await device.start();
  assert.equal(await phase(device.client()), "unclaimed");
  await device.owner();
});

test("no word of a phrase and no password reaches a log or a file", async (context) => {
  const device = await TestDevice.start(context);
  const { owner, phrase } = await claimed(device);
  const text = phrase.words.join(" ");
  await owner.send("POST", "/security/phrase/confirm", { phrase: text.replace(phrase.words[2] ?? "", "misspelltt") });
  await owner.send("POST", "/security/phrase/confirm", confirmation(phrase));
  await device.stop();
  const files = readdirSync(device.folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const texts = [device.logLines.join("\n")];
  for (const file of files) texts.push(readFileSync(join(file.parentPath, file.name), "latin1"));
  for (const content of texts) {
    for (const secret of [text, text.slice(0, 40), "misspelltt", password])
      assert.ok(!content.includes(secret), secret);
  }
});

test("a device without an owner begins anew for whoever may claim it, and for nobody else", async (context) => {
  const device = await TestDevice.start(context);
  const client = device.client();
  const key = readFileSync(join(contentFolder(device.folder), "device-key"));
  const reset = (body: object) => client.send("POST", "/factory-reset", { confirmation: "device1", ...body });
  refusedWith(await reset({}), 403, "wrong-claim-code");
  refusedWith(await reset({ claimCode: "0000-0000" }), 403, "wrong-claim-code");
  refusedWith(await reset({ password }), 403, "wrong-claim-code");
  refusedWith(await reset({ claimCode, confirmation: "device2" }), 400, "not-the-device-name");
  const outside = { headers: { "content-type": "application/json", origin: "http://evil.example" }, body: "{}" };
  refusedWith(await client.raw("POST", "/factory-reset", outside), 403, "csrf");
  device.logLines.length = 0;
  assert.equal((await reset({ claimCode })).status, 204);
  while (!device.logLines.some((line) => line.includes('"plan":"create"'))) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  while ((await phase(device.client())) !== "unclaimed") await new Promise((resolve) => setImmediate(resolve));
  assert.notDeepEqual(readFileSync(join(contentFolder(device.folder), "device-key")), key, "another device key");
  const owner = await device.owner();
  // With an owner the claim code resets nothing any more, signed in or not.
  refusedWith(await reset({ claimCode }), 401, "sign-in-required");
  const claimed = { confirmation: "device1", claimCode };
  refusedWith(await owner.send("POST", "/factory-reset", claimed), 401, "wrong-password");
});

test("passwords and new keys that are asked for at once come one after the other, and none is lost", async (context) => {
  const device = await TestDevice.start(context);
  const { owner, phrase } = await claimed(device);
  const change = (newPassword: string) =>
    owner.send("POST", "/session/password", { oldPassword: password, newPassword });
  const others = ["quite another password", "a third password"];
  const [signedIn, rekeyed, ...changes] = await Promise.all([
    device.client().send("POST", "/session", { password }),
    owner.send("POST", "/security/rekey", { password, confirmation: { phrase: phrase.words.join(" ") } }),
    ...others.map(change),
  ]);
  // All were asked for with a password that the first change of it took away from the others.
  assert.deepEqual(
    changes.map(({ status }) => status).toSorted((a, b) => a - b),
    [204, 401],
  );
  assert.ok([201, 401].includes(signedIn.status), signedIn.text);
  assert.ok([202, 401].includes(rekeyed.status), rekeyed.text);
  const slotsNow = async () => (await owner.call<SecurityView>("GET", "/security")).slots;
  while ((await slotsNow()).rekey !== "none") await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await slotsNow()).epoch, rekeyed.status === 202 ? 2 : 1);
  await device.stop();
  await device.start();
  const valid = others[changes.findIndex(({ status }) => status === 204)] ?? "";
  for (const wrong of [password, ...others].filter((each) => each !== valid)) {
    refusedWith(await device.client().send("POST", "/session", { password: wrong }), 401, "wrong-password");
  }
  await device.client().signIn(valid);
});

test("whoever has a session is not kept out by a flood of guesses, also after a restart", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  await device.stop();
  await device.start();
  const client = device.client();
  const guess = () => client.send("POST", "/unlock", { password: "a wrong guess" });
  while ((await guess()).status === 401);
  refusedWith(await client.send("POST", "/unlock", { password }), 429, "too-many-attempts");
  client.cookie = owner.cookie;
  assert.equal((await client.send("POST", "/unlock", { password })).status, 201);
});
