import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { toBase64Url, toHex, toUtf8 } from "@piccolo/bytes";
import { proveInvitation } from "@piccolo/central-api";
import { certifyDevice, ed25519FromSeed } from "@piccolo/envelope";
import {
  cosignRemoval,
  createNetwork,
  decodeSignedInvitation,
  encodeSignedInvitation,
  leaveNetwork,
  type NetworkState,
  removeMember,
  replay,
  replaceDevice,
} from "@piccolo/membership";
import { CentralUnderTest } from "../test-support/central.ts";
import { answers, codeOf, foundNetwork, held, invitationLifetimeMs, type Owner } from "../test-support/owners.ts";
import { authorize, send, shifted } from "../test-support/raw-calls.ts";

const central = new CentralUnderTest("central", { limits: { proposalsPerMember: 2, networksPerAccount: 2 } });
before(() => central.start());
after(() => central.end());

test("a stranger reads and writes nothing of a network, and cannot tell whether it exists", async () => {
  const [ada, bela, eve] = central.owners("Ada", "Bela", "Eve");
  assert.ok(ada !== undefined && bela !== undefined && eve !== undefined);
  const network = await foundNetwork([ada, bela]);
  await eve.register();
  const invitation = encodeSignedInvitation(eve.invite(ownNetwork(eve)).signed);
  const entry = leaveNetwork({ state: await ada.state(network), ownerKeys: bela.keys, world: central.world });
  for (const id of [network, central.world.randomBytes(32)]) {
    const actions: readonly (() => Promise<unknown>)[] = [
      () => eve.client.readLog(id, 0),
      () => eve.client.addresses(id),
      () => eve.client.proposals(id),
      () => eve.client.propose(id, "invitation", invitation),
      () => eve.client.withdraw(id, new Uint8Array(32)),
      () => eve.client.append(id, entry),
    ];
    for (const action of actions) assert.equal(await codeOf(action), "not-a-member");
  }
});

function ownNetwork(owner: Owner): NetworkState {
  return replay([owner.firstEntry()]);
}

test("a network is founded by its founder alone, once, and so many times", async () => {
  const [ada, eve] = central.owners("Ada", "Eve");
  assert.ok(ada !== undefined && eve !== undefined);
  await ada.register();
  await eve.register();
  const entry = ada.firstEntry();
  assert.equal(await codeOf(() => eve.client.found(entry)), "account-mismatch");
  const bad = new Uint8Array(entry);
  bad[bad.length - 1] = (bad.at(-1) ?? 0) ^ 1;
  assert.equal(await codeOf(() => ada.client.found(bad)), "membership-signature");
  const { networkId, length } = await ada.client.found(entry);
  assert.deepEqual([networkId, length], [replay([entry]).networkId, 1]);
  assert.deepEqual(await ada.client.found(entry), await ada.client.found(entry));
  await ada.client.found(ada.firstEntry());
  assert.equal(await codeOf(() => ada.client.found(ada.firstEntry())), "quota-reached");
});

test("an entry that does not extend the head is refused, and one sent twice is taken once", async () => {
  const [ada, bela, chiara] = central.owners("Ada", "Bela", "Chiara");
  assert.ok(ada !== undefined && bela !== undefined && chiara !== undefined);
  const network = await foundNetwork([ada]);
  const state = await ada.state(network);
  await bela.register();
  await chiara.register();
  const [first, second] = [ada.invite(state), ada.invite(state)];
  const [belaJoins, chiaraJoins] = [bela.joining(state, first), chiara.joining(state, second)];
  await bela.client.append(network, belaJoins);
  assert.equal((await bela.client.append(network, belaJoins)).length, 2);
  assert.equal(await codeOf(() => chiara.client.append(network, chiaraJoins)), "head-moved");
  const newest = await ada.state(network);
  assert.equal(await codeOf(() => chiara.client.append(network, chiara.joining(newest, first))), "invitation-used");
  await chiara.client.append(network, chiara.joining(newest, second));
  assert.deepEqual(
    [...(await bela.state(network)).members.values()].map(({ name }) => name),
    ["Ada", "Bela", "Chiara"],
  );
});

test("an entry from a wrong clock is refused, lest it keep all later ones out", async () => {
  const ada = central.owner("Ada");
  await ada.register();
  const early = shifted(central.world, 700_000);
  const entry = createNetwork({
    ownerKeys: ada.keys,
    device: ada.device,
    name: "Ada",
    networkName: "Lindenstrasse",
    world: early,
  });
  assert.equal(await codeOf(() => ada.client.found(entry)), "entry-untimely");
});

test("an invitation opens the log to its holder only, only unused, only until it expires", async () => {
  const [ada, bela, eve] = central.owners("Ada", "Bela", "Eve");
  assert.ok(ada !== undefined && bela !== undefined && eve !== undefined);
  const network = await foundNetwork([ada]);
  await bela.register();
  await eve.register();
  const invitation = ada.invite(await ada.state(network));
  const { signed, key } = held(invitation);

  const body = toUtf8(
    JSON.stringify({
      invitation: toBase64Url(signed),
      proof: toBase64Url(proveInvitation(key, network, bela.account)),
      from: 0,
    }),
  );
  const target = `/v1/networks/${toHex(network)}/invited-read`;
  const overheard = { body, authorization: authorize(central, eve, { method: "POST", target, body }) };
  assert.equal((await send(central, "POST", target, overheard)).code, "call-signature", "a proof is one account's");
  assert.equal(await codeOf(() => eve.state(network, { signed, key: eve.deviceKey })), "call-signature");
  const homemade = held(eve.invite(ownNetwork(eve)));
  assert.notEqual(await codeOf(() => eve.state(network, homemade)), "no fault");

  assert.equal((await bela.state(network, { signed, key })).length, 1);
  await bela.join(network, invitation);
  assert.equal(await codeOf(() => eve.state(network, { signed, key })), "invitation-used");

  const late = held(ada.invite(await ada.state(network)));
  await central.world.advance(invitationLifetimeMs + 1);
  assert.equal(await codeOf(() => eve.state(network, late)), "invitation-expired");
});

test("from four members on an invitation is proposed, co-signed, and then good", async () => {
  const owners = central.owners("Ada", "Bela", "Chiara", "Deniz", "Emil");
  const [ada, bela, chiara, , emil] = owners;
  assert.ok(ada !== undefined && bela !== undefined && chiara !== undefined && emil !== undefined);
  const network = await foundNetwork(owners.slice(0, 4));
  await emil.register();
  const state = await ada.state(network);
  const invitation = ada.invite(state);
  assert.equal(await codeOf(() => emil.state(network, held(invitation))), "too-few-signers");

  const proposed = await ada.client.propose(network, "invitation", encodeSignedInvitation(invitation.signed));
  assert.equal(proposed.complete, false);
  const [waiting] = await bela.client.proposals(network);
  assert.ok(waiting !== undefined);
  assert.deepEqual([waiting.id, waiting.signedBy], [proposed.id, [ada.account]]);
  assert.equal(await codeOf(() => bela.client.withdraw(network, waiting.id)), "unknown-proposal", "not Bela's own");
  await bela.client.propose(network, "invitation", bela.cosign(state, waiting.bytes));

  const [complete] = await ada.client.proposals(network);
  assert.ok(complete !== undefined);
  assert.equal(complete.complete, true);
  assert.equal(complete.signedBy.length, 2);
  const whole = invitation.withSignatures(decodeSignedInvitation(complete.bytes));
  await emil.join(network, whole);
  assert.equal((await emil.state(network)).members.size, 5);
  assert.deepEqual(await ada.client.proposals(network), [], "a used invitation is swept out");
});

test("a proposal expires, is withdrawn by its proposer, is bounded in number, and takes no foreign signature", async () => {
  const owners = central.owners("Ada", "Bela", "Chiara", "Deniz");
  const [ada, bela] = owners;
  const eve = central.owner("Eve");
  assert.ok(ada !== undefined && bela !== undefined);
  const network = await foundNetwork(owners);
  const state = await ada.state(network);
  const draft = (owner: Owner) => encodeSignedInvitation(owner.invite(state).signed);
  const first = draft(ada);

  const forged = new Uint8Array(first);
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  assert.equal(await codeOf(() => ada.client.propose(network, "invitation", forged)), "membership-signature");
  const foreign = encodeSignedInvitation(eve.invite(ownNetwork(eve)).signed);
  assert.equal(await codeOf(() => ada.client.propose(network, "invitation", foreign)), "invitation-foreign");
  assert.equal(await codeOf(() => ada.client.propose(network, "entry", first)), "malformed");

  const { id } = await ada.client.propose(network, "invitation", first);
  await ada.client.propose(network, "invitation", draft(ada));
  assert.equal(await codeOf(() => ada.client.propose(network, "invitation", draft(ada))), "too-many-proposals");
  await ada.client.propose(network, "invitation", bela.cosign(state, first));
  await ada.client.withdraw(network, id);
  assert.equal(await codeOf(() => ada.client.withdraw(network, id)), "unknown-proposal");
  assert.equal((await bela.client.proposals(network)).length, 1);
  await central.world.advance(invitationLifetimeMs);
  assert.deepEqual(await bela.client.proposals(network), []);
});

test("a member is removed by two others through a proposal, and is shut out at once", async () => {
  const owners = central.owners("Ada", "Bela", "Chiara", "Deniz");
  const [ada, bela, , deniz] = owners;
  assert.ok(ada !== undefined && bela !== undefined && deniz !== undefined);
  const network = await foundNetwork(owners);
  const state = await ada.state(network);
  const entry = removeMember({ state, ownerKeys: ada.keys, account: deniz.account, world: central.world });
  assert.equal(await codeOf(() => ada.client.append(network, entry)), "too-few-signers");
  await ada.client.propose(network, "entry", entry);
  const [waiting] = await bela.client.proposals(network);
  assert.ok(waiting !== undefined);
  const signed = cosignRemoval({ state, ownerKeys: bela.keys, entry: waiting.bytes });
  const { complete, bytes } = await bela.client.propose(network, "entry", signed);
  assert.ok(complete);
  await bela.client.append(network, bytes);
  assert.deepEqual(await ada.client.proposals(network), [], "a carried out removal is swept out");
  assert.equal(await codeOf(() => deniz.client.readLog(network, 0)), "not-a-member");
  assert.equal(await codeOf(() => deniz.client.addresses(network)), "not-a-member");
});

test("who left is told so again when the reply was lost", async () => {
  const owners = central.owners("Ada", "Bela");
  const [ada, bela] = owners;
  assert.ok(ada !== undefined && bela !== undefined);
  const network = await foundNetwork(owners);
  const leaving = leaveNetwork({ state: await bela.state(network), ownerKeys: bela.keys, world: central.world });
  assert.equal((await bela.client.append(network, leaving)).length, 3);
  assert.equal((await bela.client.append(network, leaving)).length, 3);
  assert.equal((await ada.state(network)).members.size, 1);
});

test("a device with only the owner's keys finds the owner's networks and reads their logs", async () => {
  const owners = central.owners("Ada", "Bela");
  const [ada, bela] = owners;
  assert.ok(ada !== undefined && bela !== undefined);
  const network = await foundNetwork(owners);
  const entries = await ada.client.readLog(network, 0);
  const recovering = bela.ownerClientAt(central.origin);
  const [found, ...others] = await recovering.networks();
  assert.deepEqual(found, { networkId: network, length: 2, headHash: replay(entries).headHash });
  assert.equal(others.length, 0);
  assert.deepEqual(await recovering.readLog(network, 0), entries);
  const leaving = leaveNetwork({ state: await bela.state(network), ownerKeys: bela.keys, world: central.world });
  await bela.client.append(network, leaving);
  assert.deepEqual(await recovering.networks(), []);
});

test("members find each other's current devices until their addresses expire", async () => {
  const owners = central.owners("Ada", "Bela");
  const [ada, bela] = owners;
  assert.ok(ada !== undefined && bela !== undefined);
  const network = await foundNetwork(owners);
  const until = await bela.client.announce(["/ip4/192.0.2.7/tcp/4001"], 60_000);
  assert.equal(until, central.world.nowMs() + 60_000);
  const [found, ...others] = await ada.client.addresses(network);
  assert.ok(found !== undefined && others.length === 0);
  assert.deepEqual([found.account, found.deviceKey], [bela.account, bela.deviceKey.publicKey]);
  assert.deepEqual(found.multiaddrs, ["/ip4/192.0.2.7/tcp/4001"]);
  assert.match(found.peerId, /^12D3KooW/);

  await ada.client.announce(["/ip4/192.0.2.8/tcp/4001"], 120_000);
  const newKey = ed25519FromSeed(central.world.randomBytes(32));
  const device = certifyDevice(bela.keys, newKey.publicKey, 2);
  const entry = replaceDevice({ state: await bela.state(network), ownerKeys: bela.keys, device, world: central.world });
  await bela.client.append(network, entry);
  assert.deepEqual(
    (await ada.client.addresses(network)).map(({ account }) => account),
    [ada.account],
  );
  await central.world.advance(120_000);
  assert.deepEqual(await ada.client.addresses(network), []);
});

test("a restart keeps everything, and remembers which calls it took", async () => {
  const owners = central.owners("Ada", "Bela", "Chiara", "Deniz");
  const [ada, bela] = owners;
  assert.ok(ada !== undefined && bela !== undefined);
  const network = await foundNetwork(owners);
  await ada.client.announce(["/ip4/192.0.2.7/tcp/4001"], 60_000);
  await ada.client.propose(network, "invitation", encodeSignedInvitation(ada.invite(await ada.state(network)).signed));
  const entries = await ada.client.readLog(network, 0);
  const target = "/v1/relay";
  const authorization = authorize(central, ada, { target });
  assert.equal((await send(central, "GET", target, { authorization })).status, 200);

  await central.stop();
  await central.start();
  await answers(bela);
  assert.deepEqual(await bela.client.readLog(network, 0), entries);
  assert.equal((await bela.client.addresses(network)).length, 1);
  assert.equal((await bela.client.proposals(network)).length, 1);
  assert.equal((await send(central, "GET", target, { authorization })).code, "call-replayed");
});

test("a page is bounded, and the client asks for the next one", async () => {
  const small = await new CentralUnderTest("pages", { limits: { pageEntriesMax: 2 } }).start();
  try {
    const owners = small.owners("Ada", "Bela", "Chiara");
    const [ada] = owners;
    assert.ok(ada !== undefined);
    const network = await foundNetwork(owners);
    const entries = await ada.client.readLog(network, 0);
    assert.equal(replay(entries, network).members.size, 3);
    assert.deepEqual(await ada.client.readLog(network, 1), entries.slice(1));
    assert.deepEqual(await ada.client.readLog(network, 3), []);
  } finally {
    await small.end();
  }
});
