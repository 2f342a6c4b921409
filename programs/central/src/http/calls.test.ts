import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { toBase64Url, toUtf8 } from "@piccolo/bytes";
import type { CallParts } from "@piccolo/central-api";
import { certifyDevice, ed25519FromSeed } from "@piccolo/envelope";
import { CentralUnderTest } from "../../test-support/central.ts";
import { codeOf } from "../../test-support/owners.ts";
import { authorize, send, shifted } from "../../test-support/raw-calls.ts";

const central = new CentralUnderTest("calls");
before(() => central.start());
after(() => central.end());

test("a call without a signature is refused, but for the clock", async () => {
  for (const target of ["/v1/relay", "/v1/networks/00/log", "/v1/nowhere", "/"]) {
    assert.equal((await send(central, "GET", target)).code, "unsigned-call", target);
  }
  assert.equal((await send(central, "GET", "/v1/relay", { authorization: "Bearer abc" })).code, "unsigned-call");
  assert.equal((await send(central, "GET", "/v1/time")).status, 200);
});

test("an unknown account is refused, and a forged, moved or replayed signature of a known one", async () => {
  const [ada, eve] = central.owners("Ada", "Eve");
  assert.ok(ada !== undefined && eve !== undefined);
  assert.equal(await codeOf(() => ada.client.relays()), "unknown-account");
  await ada.register();

  const target = "/v1/relay";
  assert.equal(
    (await send(central, "GET", target, { authorization: authorize(central, ada, { target }, eve.deviceKey) })).code,
    "key-not-registered",
  );
  const good = authorize(central, ada, { target });
  const forged = good.replace(/[\w-]{86}$/, toBase64Url(new Uint8Array(64).fill(7)));
  assert.equal((await send(central, "GET", target, { authorization: forged })).code, "call-signature");
  const moved: Partial<CallParts>[] = [
    { method: "POST" },
    { host: "central.example" },
    { target: "/v1/time" },
    { target: "/v1/relay?a=1" },
    { body: toUtf8("{}") },
  ];
  for (const part of moved) {
    const authorization = authorize(central, ada, { target, ...part });
    assert.equal((await send(central, "GET", target, { authorization })).code, "call-signature");
  }
  assert.equal((await send(central, "GET", target, { authorization: good })).status, 200);
  assert.equal((await send(central, "GET", target, { authorization: good })).code, "call-replayed");
});

test("a call over ten minutes off is refused with central's own time, however far", async () => {
  const ada = central.owner("Ada");
  await ada.register();
  for (const offMs of [-600_001, 600_001, -1_000_000_000_000]) {
    const client = ada.clientAt(central.origin, ada.deviceKey, shifted(central.world, offMs));
    await assert.rejects(client.relays(), (error: Error & { code?: string; details?: Record<string, unknown> }) => {
      assert.equal(error.code, "clock-wrong");
      assert.deepEqual(error.details, { centralTimeMs: central.world.nowMs(), aheadMs: offMs, status: 401 });
      return true;
    });
    assert.equal(await client.time(), central.world.nowMs());
  }
  await ada.clientAt(central.origin, ada.deviceKey, shifted(central.world, -600_000)).relays();
});

test("a body over the bound is refused, told or found out, and so is what is no JSON or breaks the contract", async () => {
  const ada = central.owner("Ada");
  await ada.register();
  const target = "/v1/addresses";
  const large = toUtf8(JSON.stringify({ multiaddrs: [], lifetimeMs: 1, filler: "x".repeat(120_000) }));
  assert.equal((await send(central, "PUT", target, { body: large })).code, "body-too-large");
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(new Uint8Array(8_192));
    },
  });
  assert.equal((await send(central, "PUT", target, { body: endless })).code, "body-too-large");
  for (const text of [
    "",
    "{",
    "[]",
    "null",
    '{"multiaddrs":["/ip4/1.2.3.4/tcp/1"],"lifetimeMs":-1}',
    "\u0000",
    '{"multiaddrs":["nonsense"],"lifetimeMs":1}',
    '{"multiaddrs":["/ip4/nowhere"],"lifetimeMs":1}',
  ]) {
    const body = toUtf8(text);
    const authorization = authorize(central, ada, { method: "PUT", target, body });
    const { code, problem } = await send(central, "PUT", target, { body, authorization });
    assert.equal(code, "malformed", text);
    assert.equal(problem?.status, 400);
  }
  assert.equal((await send(central, "POST", "/v1/accounts", { body: toUtf8("{bad") })).code, "malformed");
});

test("a registration is refused when its account, certificate or signer is another's", async () => {
  const [ada, eve] = central.owners("Ada", "Eve");
  assert.ok(ada !== undefined && eve !== undefined);
  const own = { ownerPublicKey: ada.keys.ownerPublicKey, device: ada.device };
  const registering = async (registration: typeof own, client = ada.client) =>
    codeOf(() => client.register(registration));
  assert.equal(await registering({ ...own, ownerPublicKey: eve.keys.ownerPublicKey }), "account-mismatch");
  assert.equal(await registering({ ...own, device: eve.device }), "certificate-refused");
  assert.equal(await registering({ ...own, device: { ...ada.device, deviceEpoch: 2 } }), "certificate-refused");
  assert.equal(await registering(own, ada.clientAt(central.origin, eve.deviceKey)), "key-not-registered");
  assert.equal(await registering(own), "no fault");
  assert.equal(await registering(own), "no fault", "harmless when repeated");
  const stolen = certifyDevice(eve.keys, ada.deviceKey.publicKey, 1);
  const thief = eve.clientAt(central.origin, ada.deviceKey);
  assert.equal(
    await registering({ ownerPublicKey: eve.keys.ownerPublicKey, device: stolen }, thief),
    "device-key-in-use",
  );
});

test("a replacing device fences the old one off", async () => {
  const ada = central.owner("Ada");
  await ada.register();
  const newKey = ed25519FromSeed(central.world.randomBytes(32));
  const { ownerPublicKey } = ada.keys;
  const sameEpoch = certifyDevice(ada.keys, newKey.publicKey, 1);
  const newClient = ada.clientAt(central.origin, newKey);
  assert.equal(await codeOf(() => newClient.register({ ownerPublicKey, device: sameEpoch })), "device-fenced");
  const replacedAtMs = central.world.nowMs();
  await newClient.register({ ownerPublicKey, device: certifyDevice(ada.keys, newKey.publicKey, 2) });
  await central.world.advance(60_000);
  const said = { code: "device-replaced", retry: "never", details: { replacedAtMs, deviceEpoch: 2, status: 403 } };
  const network = central.world.randomBytes(32);
  const calls: readonly (() => Promise<unknown>)[] = [
    () => ada.client.relays(),
    () => ada.client.networks(),
    () => ada.client.found(ada.firstEntry()),
    () => ada.client.readLog(network, 0),
    () => ada.client.append(network, ada.firstEntry()),
    () => ada.client.proposals(network),
    () => ada.client.announce([], 1_000),
    () => ada.client.addresses(network),
  ];
  for (const call of calls) await assert.rejects(call, said);
  await assert.rejects(ada.register(), said);
  const target = "/v1/relay";
  const forged = authorize(central, ada, { target }).replace(/[\w-]{86}$/, toBase64Url(new Uint8Array(64).fill(7)));
  assert.equal((await send(central, "GET", target, { authorization: forged })).code, "key-not-registered");
  await newClient.relays();

  const eve = central.owner("Eve");
  const takenOver = {
    ownerPublicKey: eve.keys.ownerPublicKey,
    device: certifyDevice(eve.keys, ada.deviceKey.publicKey, 1),
  };
  const eveAtAdas = eve.clientAt(central.origin, ada.deviceKey);
  assert.equal(await codeOf(() => eveAtAdas.register(takenOver)), "device-key-in-use");
});

test("an owner key moves on by its chain, and the old one speaks for the account no more", async () => {
  const [ada, eve] = central.owners("Ada", "Eve");
  assert.ok(ada !== undefined && eve !== undefined);
  await ada.register();
  const second = ada.rekeyed();
  const third = ada.rekeyed(second.keys);
  const chainOf = (...rotations: (typeof second.rotation)[]) => ({
    firstOwnerPublicKey: ada.keys.ownerPublicKey,
    rotations,
  });
  const chain = chainOf(second.rotation, third.rotation);
  const newest = ada.ownerClientAt(central.origin, third.keys);

  assert.equal(await codeOf(() => newest.networks()), "key-not-registered");
  assert.equal(await codeOf(() => ada.client.rotateOwnerKey(chain)), "key-not-registered", "signed by the device");
  const broken = { ...third.rotation, oldSignature: second.rotation.oldSignature };
  assert.equal(await codeOf(() => newest.rotateOwnerKey(chainOf(second.rotation, broken))), "broken-rotation");
  assert.equal(await codeOf(() => newest.rotateOwnerKey(chainOf(third.rotation))), "broken-rotation", "one left out");
  const stranger = { ...chain, firstOwnerPublicKey: eve.keys.ownerPublicKey };
  assert.equal(await codeOf(() => newest.rotateOwnerKey(stranger)), "broken-rotation");

  const rotatedAtMs = central.world.nowMs();
  assert.equal(await newest.rotateOwnerKey(chain), 3);
  assert.equal(await newest.rotateOwnerKey(chain), 3, "harmless when repeated");
  assert.deepEqual(await newest.networks(), []);
  await ada.client.relays();
  await assert.rejects(ada.ownerClientAt(central.origin).networks(), {
    code: "owner-key-rotated",
    details: { keyEpoch: 3, rotatedAtMs, status: 403 },
  });

  assert.equal(await codeOf(() => ada.register()), "owner-key-rotated");
  const thief = ada.rekeyed();
  const fork = ada.rekeyed(thief.keys);
  const forked = ada.ownerClientAt(central.origin, ada.rekeyed(fork.keys).keys);
  assert.equal(await codeOf(() => forked.rotateOwnerKey(chainOf(thief.rotation, fork.rotation))), "key-not-registered");
  const forkedEnd = ada.ownerClientAt(central.origin, fork.keys);
  assert.equal(
    await codeOf(() => forkedEnd.rotateOwnerKey(chainOf(thief.rotation, fork.rotation))),
    "owner-key-rotated",
  );

  const newKey = ed25519FromSeed(central.world.randomBytes(32));
  const newClient = ada.clientAt(central.origin, newKey);
  const { ownerPublicKey } = third.keys;
  const byOld = certifyDevice(ada.keys, newKey.publicKey, 2);
  assert.equal(await codeOf(() => newClient.register({ ownerPublicKey, chain, device: byOld })), "certificate-refused");
  const device = certifyDevice(third.keys, newKey.publicKey, 2);
  assert.equal(await codeOf(() => newClient.register({ ownerPublicKey, device })), "account-mismatch", "no chain");
  await newClient.register({ ownerPublicKey, chain, device });
  assert.equal(await codeOf(() => ada.client.relays()), "device-replaced");
});

test("an account that central never saw registers with its chain", async () => {
  const ada = central.owner("Ada");
  const { keys, rotation } = ada.rekeyed();
  const chain = { firstOwnerPublicKey: ada.keys.ownerPublicKey, rotations: [rotation] };
  const device = certifyDevice(keys, ada.deviceKey.publicKey, 1);
  await ada.client.register({ ownerPublicKey: keys.ownerPublicKey, chain, device });
  await ada.ownerClientAt(central.origin, keys).networks();
});

test("whoever calls too often waits, and the others do not", async () => {
  const small = await new CentralUnderTest("rates", { limits: { perAccount: { burst: 5, perSecond: 1 } } }).start();
  try {
    const [ada, bela] = small.owners("Ada", "Bela");
    assert.ok(ada !== undefined && bela !== undefined);
    await ada.register();
    await bela.register();
    for (let call = 0; call < 4; call++) await ada.client.relays();
    await assert.rejects(ada.client.relays(), (error: Error & { code?: string; details?: Record<string, unknown> }) => {
      assert.equal(error.code, "rate-limited");
      assert.equal(error.details?.["retryAfterMs"], 1000);
      return true;
    });
    await bela.client.relays();
    await small.world.advance(1000);
    await ada.client.relays();
  } finally {
    await small.end();
  }
});

test("calls over an account's share are not written down, and replays use up none of it", async () => {
  const small = await new CentralUnderTest("share", { limits: { perAccount: { burst: 5, perSecond: 0.001 } } }).start();
  try {
    const [ada] = small.owners("Ada");
    assert.ok(ada !== undefined);
    await ada.register();
    const target = "/v1/relay";
    const authorization = authorize(small, ada, { target });
    const codes: string[] = [];
    for (let call = 0; call < 10; call++) codes.push((await send(small, "GET", target, { authorization })).code);
    assert.deepEqual(codes, ["no fault", ...Array.from({ length: 9 }, () => "call-replayed")]);
    for (let call = 0; call < 3; call++) await ada.client.relays();
    for (let call = 0; call < 20; call++) assert.equal(await codeOf(() => ada.client.relays()), "rate-limited");
    const nonces = new DatabaseSync(join(small.folder, "nonces.db"), { readOnly: true });
    assert.deepEqual({ ...nonces.prepare("SELECT count(*) AS n FROM nonces").get() }, { n: 5 });
    nonces.close();
  } finally {
    await small.end();
  }
});

test("what central logs tells nothing of its callers", () => {
  assert.deepEqual(central.lines, []);
});
