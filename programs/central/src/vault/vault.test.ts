import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { toHex } from "@piccolo/bytes";
import { encodeVaultEntries } from "@piccolo/central-api";
import { certifyDevice, ed25519FromSeed } from "@piccolo/envelope";
import { CentralUnderTest } from "../../test-support/central.ts";
import { bare, MetadataAuthor } from "../../test-support/metadata.ts";
import { answers, codeOf, type Owner } from "../../test-support/owners.ts";
import { authorize, send } from "../../test-support/raw-calls.ts";

const central = new CentralUnderTest("vault");
before(() => central.start());
after(() => central.end());

const network = central.world.randomBytes(32);
const authorOf = (owner: Owner, at = central) =>
  new MetadataAuthor({ world: at.world, account: owner.account, network, deviceKey: owner.deviceKey });

async function registered(at = central): Promise<Owner> {
  const owner = at.owner("Ada");
  await owner.register();
  return owner;
}

function files(at: CentralUnderTest): readonly string[] {
  const folder = join(at.folder, "vault");
  return readdirSync(folder).flatMap((part) => readdirSync(join(folder, part)));
}

test("an entry of another account, network, device, device epoch or payload is refused", async () => {
  const [ada, eve] = central.owners("Ada", "Eve");
  assert.ok(ada !== undefined && eve !== undefined);
  await ada.register();
  await eve.register();
  const author = authorOf(ada);
  const good = author.draft();
  const put = (entry: { readonly head: Uint8Array; readonly sealed: Uint8Array }, owner = ada, to = network) =>
    codeOf(() => owner.client.appendToVault(to, [bare(entry)]));
  assert.equal(await put(good, eve), "account-mismatch");
  assert.equal(await put(good, ada, central.world.randomBytes(32)), "head-refused");
  assert.equal(await put({ ...good, sealed: author.draft().sealed }), "head-refused");
  assert.equal(await put({ ...good, sealed: good.sealed.subarray(1) }), "head-refused");
  assert.equal(
    await put({ ...good, head: good.head.with(good.head.length - 1, (good.head.at(-1) ?? 0) ^ 1) }),
    "head-refused",
  );
  assert.equal(await put({ ...good, head: good.head.subarray(1) }), "malformed");
  const byEve = authorOf(ada);
  byEve.deviceKey = eve.deviceKey;
  assert.equal(await put(byEve.draft()), "head-refused");
  assert.equal(await put(author.draft(100, { deviceEpoch: 2 })), "head-refused");
  assert.equal((await ada.client.vaultState(network)).sequence, 0);
});

test("bytes that are no entries are refused, and so are more than one call may bring", async () => {
  const ada = await registered();
  const target = `/v1/networks/${toHex(network)}/metadata`;
  const good = encodeVaultEntries([bare(authorOf(ada).draft())]);
  const bad = [
    new Uint8Array(0),
    good.with(0, 2),
    good.subarray(1),
    new Uint8Array([...good, 0]),
    good.with(2, 0),
    good.with(1, 9),
  ];
  for (const body of bad) {
    const authorization = authorize(central, ada, { method: "PUT", target, body });
    assert.equal((await send(central, "PUT", target, { body, authorization })).code, "malformed");
  }
  const body = new Uint8Array(8 * 1024 * 1024 + 80_000);
  const authorization = authorize(central, ada, { method: "PUT", target, body });
  assert.equal((await send(central, "PUT", target, { body, authorization })).code, "body-too-large");
});

test("entries are taken in order, once each, and a second one in a place is a conflict", async () => {
  const ada = await registered();
  const author = authorOf(ada);
  const [one, two, three] = [author.add(), author.add(), author.add()];
  const rival = new MetadataAuthor({
    world: central.world,
    account: ada.account,
    network,
    deviceKey: ada.deviceKey,
    before: [one],
  });
  assert.equal((await ada.client.appendToVault(network, [bare(one)])).sequence, 1);
  await assert.rejects(ada.client.appendToVault(network, [bare(three)]), {
    code: "vault-gap",
    details: { have: 1, sequence: 3, status: 409 },
  });
  assert.equal((await ada.client.appendToVault(network, [bare(one), bare(two), bare(three)])).sequence, 3);
  assert.equal((await ada.client.appendToVault(network, [bare(two)])).sequence, 3, "harmless when repeated");
  await assert.rejects(ada.client.appendToVault(network, [bare(rival.draft())]), {
    code: "vault-conflict",
    details: { have: 3, sequence: 2, status: 409 },
  });
  const detached = authorOf(ada);
  assert.equal(
    await codeOf(() => ada.client.appendToVault(network, [bare(detached.draft(9, { sequence: 4 }))])),
    "vault-conflict",
  );
  const state = await ada.client.vaultState(network);
  assert.deepEqual([state.sequence, state.first, state.head], [3, 1, three.head]);
});

test("what was brought is read page by page, byte by byte, by the account alone", async () => {
  const small = await new CentralUnderTest("vault pages", { limits: { vaultPageBytes: 150_000 } }).start();
  try {
    const [ada, eve] = small.owners("Ada", "Eve");
    assert.ok(ada !== undefined && eve !== undefined);
    await ada.register();
    await eve.register();
    const author = authorOf(ada, small);
    for (const size of [1, 1_024, 65_536, 65_537, 200_000, 10]) author.add(size);
    await ada.client.appendToVault(network, author.entries.map(bare));
    const read: unknown[] = [];
    for (let from = 1; ;) {
      const { first, newest, entries } = await ada.client.readVault(network, from);
      assert.deepEqual([first, newest], [1, 6]);
      if (entries.length === 0) break;
      assert.ok(entries.length < 6);
      read.push(...entries);
      from += entries.length;
    }
    assert.deepEqual(read, author.entries.map(bare));
    assert.deepEqual(await eve.client.readVault(network, 0), { first: 1, newest: 0, entries: [] });
    assert.deepEqual(await ada.client.readVault(small.world.randomBytes(32), 0), { first: 1, newest: 0, entries: [] });
  } finally {
    await small.end();
  }
});

test("a checkpoint jumps a gap and makes room, nothing newer ever goes", async () => {
  const own = await new CentralUnderTest("vault checkpoint").start();
  try {
    const ada = await registered(own);
    const author = authorOf(ada, own);
    author.add(100_000);
    author.add();
    await ada.client.appendToVault(network, author.entries.map(bare));
    assert.equal(files(own).length, 1);
    const checkpoint = author.add(1_024, { kind: "checkpoint", sequence: 7, checkpoint: 7 });
    const after = author.add();
    await ada.client.appendToVault(network, [bare(checkpoint), bare(after)]);
    assert.deepEqual(await ada.client.readVault(network, 0), {
      first: 7,
      newest: 8,
      entries: [bare(checkpoint), bare(after)],
    });
    assert.deepEqual(files(own), []);
    const [one] = author.entries;
    assert.ok(one !== undefined);
    assert.equal(
      (await ada.client.appendToVault(network, [bare(one)])).first,
      7,
      "superfluous ones are not taken back",
    );
  } finally {
    await own.end();
  }
});

test("a replacing device goes on from what it knew, and the replaced one writes and reads nothing", async () => {
  const ada = await registered();
  const author = authorOf(ada);
  const [one, two] = [author.add(), author.add()];
  await ada.client.appendToVault(network, [bare(one), bare(two)]);
  const newKey = ed25519FromSeed(central.world.randomBytes(32));
  const device = certifyDevice(ada.keys, newKey.publicKey, 2);
  const client = ada.clientAt(central.origin, newKey);
  await client.register({ ownerPublicKey: ada.keys.ownerPublicKey, device });
  for (const call of [
    () => ada.client.appendToVault(network, [bare(author.draft())]),
    () => ada.client.readVault(network, 0),
    () => ada.client.vaultState(network),
    () => ada.client.putBlob(new Uint8Array(16), new Uint8Array(5)),
    () => ada.client.getBlob(new Uint8Array(16)),
    () => ada.client.deleteBlob(new Uint8Array(16)),
    () => ada.client.listBlobs(),
    () => ada.client.putSlot(new Uint8Array(100)),
  ]) {
    assert.equal(await codeOf(call), "device-replaced");
  }
  const replacing = new MetadataAuthor({
    world: central.world,
    account: ada.account,
    network,
    deviceKey: newKey,
    deviceEpoch: 2,
    before: [one],
  });
  const other = replacing.add();
  assert.equal((await client.appendToVault(network, [bare(other)])).sequence, 2);
  assert.deepEqual((await client.readVault(network, 1)).entries, [bare(one), bare(other)]);
  assert.equal(await codeOf(() => client.appendToVault(network, [bare(two)])), "vault-conflict");
});

test("segments come back bit by bit, never change, and are counted", async () => {
  const small = await new CentralUnderTest("blobs", {
    limits: { vaultBlobs: 3, vaultBlobBytes: 9_000_000, vaultEntries: 2, vaultEntryBytes: 5_000 },
  }).start();
  try {
    const [ada, eve] = small.owners("Ada", "Eve");
    assert.ok(ada !== undefined && eve !== undefined);
    await ada.register();
    await eve.register();
    const [first, second, third, fourth] = [1, 2, 3, 4].map(() => small.world.randomBytes(16));
    assert.ok(first !== undefined && second !== undefined && third !== undefined && fourth !== undefined);
    const large = small.world.randomBytes(8 * 1024 * 1024);
    await ada.client.putBlob(first, large);
    await ada.client.putBlob(first, large);
    assert.deepEqual(await ada.client.getBlob(first), large);
    assert.equal(await codeOf(() => ada.client.putBlob(first, large.subarray(1))), "vault-conflict");
    assert.equal(await codeOf(() => ada.client.putBlob(second, new Uint8Array(0))), "malformed");
    assert.equal(await codeOf(() => eve.client.getBlob(first)), "unknown-blob");
    await eve.client.deleteBlob(first);
    await assert.rejects(ada.client.putBlob(second, large), {
      code: "quota-reached",
      details: { what: "blob-bytes", limit: 9_000_000, status: 409 },
    });
    await ada.client.putBlob(second, new Uint8Array(5));
    await ada.client.putBlob(third, new Uint8Array(6));
    assert.equal(await codeOf(() => ada.client.putBlob(fourth, new Uint8Array(1))), "quota-reached");
    const byId = [first, second, third].sort((a, b) => Buffer.compare(a, b));
    assert.deepEqual(
      (await ada.client.listBlobs()).map(({ id }) => id),
      byId,
    );
    assert.equal(files(small).length, 3);
    await ada.client.deleteBlob(first);
    await ada.client.deleteBlob(first);
    assert.equal(await codeOf(() => ada.client.getBlob(first)), "unknown-blob");
    assert.equal(files(small).length, 2);

    const author = authorOf(ada, small);
    await ada.client.appendToVault(network, [bare(author.add(100)), bare(author.add(100))]);
    assert.equal(await codeOf(() => ada.client.appendToVault(network, [bare(author.draft(100))])), "quota-reached");
    assert.equal(await codeOf(() => ada.client.appendToVault(network, [bare(author.draft(6_000))])), "quota-reached");
    const checkpoint = author.add(100, { kind: "checkpoint", sequence: 3 });
    assert.equal((await ada.client.appendToVault(network, [bare(checkpoint)])).first, 3);
  } finally {
    await small.end();
  }
});

test("a restart keeps everything and sweeps out what a crash left", async () => {
  const own = await new CentralUnderTest("vault restart").start();
  try {
    const ada = await registered(own);
    const author = authorOf(ada, own);
    author.add(100_000);
    author.add();
    await ada.client.appendToVault(network, author.entries.map(bare));
    const id = own.world.randomBytes(16);
    await ada.client.putBlob(id, new Uint8Array(1_000).fill(7));
    const kept = files(own);
    await own.stop();
    const [part] = readdirSync(join(own.folder, "vault"));
    writeFileSync(join(own.folder, "vault", part ?? "", "00".repeat(16)), "left over");
    writeFileSync(join(own.folder, "vault", part ?? "", `${"11".repeat(16)}.next`), "half written");
    await own.start();
    await answers(ada);
    assert.deepEqual(files(own).toSorted(), kept.toSorted());
    assert.deepEqual((await ada.client.readVault(network, 0)).entries, author.entries.map(bare));
    assert.deepEqual(await ada.client.getBlob(id), new Uint8Array(1_000).fill(7));
  } finally {
    await own.end();
  }
});
