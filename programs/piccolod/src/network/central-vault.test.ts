import assert from "node:assert/strict";
import { test } from "node:test";
import { type CentralClient, createCentralClient } from "@piccolo/central-api";
import { toBase64Url } from "@piccolo/bytes";
import { ed25519FromSeed, signStatement } from "@piccolo/envelope";
import { type LogHead, noHash, sealedHashOf, signHead, storedEntryOf } from "@piccolo/storage/log";
import { SeededWorld } from "@piccolo/world";
import { createCentralVault } from "./central-vault.ts";

const world = new SeededWorld("vault adapter");
const deviceKey = ed25519FromSeed(world.randomBytes(32));
const [account, networkId] = [world.randomBytes(32), world.randomBytes(32)];
const sealed = world.randomBytes(100);
const head: LogHead = {
  kind: "checkpoint",
  network: networkId,
  account,
  deviceEpoch: 1,
  keyEpoch: 1,
  sequence: 3,
  previousHash: world.randomBytes(32),
  sealedHash: sealedHashOf(sealed),
  sealedBytes: sealed.length,
  schemaVersion: 1,
  checkpoint: 3,
  witnessSet: { logLength: 1, headHash: noHash },
  timeMs: 0,
};
const signed = signHead(head, (statement) => signStatement(deviceKey, statement));
const { signal } = new AbortController();

function clientOf(reply: (method: string, path: string) => unknown): CentralClient {
  return createCentralClient({
    baseUrl: "http://central.example",
    fetch: (input, { method }) => {
      const value = reply(method ?? "", new URL(input).pathname);
      return Promise.resolve(new Response(JSON.stringify(value)));
    },
    account,
    publicKey: deviceKey.publicKey,
    sign: (statement) => signStatement(deviceKey, statement),
    world,
  });
}

function vaultOf(state: Record<string, unknown>, isOwn = true) {
  const asked: string[] = [];
  const client = clientOf((method, path) => {
    asked.push(`${method} ${path.slice(path.lastIndexOf("/"))}`);
    return { first: 1, usedBytes: 0, quotaBytes: 1, ...state };
  });
  const link = { client: () => client, ready: () => Promise.resolve(asked.push("ready")).then(() => undefined) };
  return { asked, vault: createCentralVault({ link, networkId: () => networkId, isOwn: () => isOwn }) };
}

const whole = { sequence: 3, head: toBase64Url(signed.bytes) };

test("what central says it has counts only where it is of the own log", async () => {
  assert.equal(await vaultOf({ sequence: 0, head: null }).vault.newest(signal), 0);
  assert.equal(await vaultOf({ ...whole, sequence: 2 }).vault.newest(signal), 0, "a head of another sequence");
  assert.equal(await vaultOf({ ...whole, head: "AAAA" }).vault.newest(signal), 0, "no head at all");
  assert.equal(await vaultOf(whole, false).vault.newest(signal), 0, "what a replaced device wrote");
  assert.equal(await vaultOf(whole).vault.newest(signal), 3);
});

test("entries are brought once the device is registered and in a network", async () => {
  const { asked, vault } = vaultOf(whole);
  await vault.putEntry(storedEntryOf(signed, sealed), signal);
  assert.deepEqual(asked, ["ready", "PUT /metadata"]);
  const none = createCentralVault({
    link: { client: () => clientOf(() => ({})), ready: () => Promise.resolve() },
    networkId: () => undefined,
    isOwn: () => true,
  });
  await assert.rejects(none.newest(signal), { code: "not-a-member" });
});
