import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { replay } from "@piccolo/membership";
import { CentralUnderTest } from "../../test-support/central.ts";
import { LyingCentral } from "../../test-support/lying-central.ts";
import { bare, MetadataAuthor } from "../../test-support/metadata.ts";
import { codeOf, foundNetwork, type Owner } from "../../test-support/owners.ts";

const central = new CentralUnderTest("lies");
let lying: LyingCentral;
before(async () => {
  await central.start();
  lying = await LyingCentral.start(central.origin);
});
after(async () => {
  await lying.stop();
  await central.end();
});

async function written(owners: readonly Owner[]) {
  const [ada] = owners;
  assert.ok(ada !== undefined);
  const network = await foundNetwork(owners);
  const author = new MetadataAuthor({
    world: central.world,
    account: ada.account,
    network,
    deviceKey: ada.deviceKey,
  });
  for (let count = 0; count < 5; count++) author.add();
  const client = ada.clientAt(lying.origin);
  lying.lies = {};
  await client.appendToVault(network, author.entries.map(bare));
  for (const { signed } of author.entries) lying.remember(signed.head.sequence, signed.bytes);
  return { ada, network, author, client };
}

test("one that does not lie passes everything on as it is", async () => {
  const { network, author, client } = await written(central.owners("Ada"));
  const told = lying.told;
  assert.equal((await client.vaultState(network)).sequence, 5);
  assert.deepEqual((await client.readVault(network, 1)).entries, author.entries.map(bare));
  assert.equal((await client.readLog(network, 0)).length, 1);
  assert.equal(lying.told, told);
});

test("one that withholds the newest entries shows an older head that is whole in itself", async () => {
  const { network, author, client } = await written(central.owners("Ada"));
  lying.lies = { withholdAfter: 3 };
  const told = lying.told;
  const state = await client.vaultState(network);
  assert.deepEqual([state.sequence, state.head], [3, author.entries[2]?.head]);
  const page = await client.readVault(network, 1);
  assert.deepEqual([page.newest, page.entries], [3, author.entries.slice(0, 3).map(bare)]);
  assert.equal(lying.told, told + 2);
});

test("one that shows another branch gives its entries and its head", async () => {
  const { ada, network, author, client } = await written(central.owners("Ada"));
  const before = author.entries.slice(0, 3);
  const fork = new MetadataAuthor({
    world: central.world,
    account: ada.account,
    network,
    deviceKey: ada.deviceKey,
    before,
  });
  const entries = [fork.add(), fork.add(), fork.add()];
  lying.lies = { fork: { from: 4, entries } };
  const state = await client.vaultState(network);
  assert.deepEqual([state.sequence, state.head], [6, entries[2]?.head]);
  assert.deepEqual((await client.readVault(network, 1)).entries, [...before, ...entries].map(bare));
});

test("members that central invents are no members to whoever replays the log", async () => {
  const [ada, bela, eve] = central.owners("Ada", "Bela", "Eve");
  assert.ok(ada !== undefined && bela !== undefined && eve !== undefined);
  const { network, client } = await written([ada, bela]);
  const evesNetwork = replay([eve.firstEntry()]);
  const invented = bela.joining(evesNetwork, eve.invite(evesNetwork));
  lying.lies = { inventedMembers: [invented] };
  const shown = await client.readLog(network, 0);
  assert.equal(shown.length, 3);
  assert.notEqual(await codeOf(() => Promise.resolve().then(() => replay(shown, network))), "no fault");
  lying.lies = { membersUpTo: 1 };
  assert.equal((await client.readLog(network, 0)).length, 1);
});
