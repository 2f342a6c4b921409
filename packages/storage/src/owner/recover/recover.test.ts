import assert from "node:assert/strict";
import { test } from "node:test";
import {
  certifyDevice,
  deriveOwnerKeys,
  type DeviceCertificate,
  newPhrase,
  parsePhrase,
  proveAccount,
  proveLocator,
  sealPhraseSlot,
  verifySealedSlot,
} from "@piccolo/envelope";
import { applyEntry, checkTimely, createNetwork, type NetworkState, replaceDevice } from "@piccolo/membership";
import { decodeRecoverResponse, encodeRecoverRequest, type RecoverRequest, type RecoverResponse } from "@piccolo/wire";
import { SeededWorld } from "@piccolo/world";
import { MemoryNetwork, MemoryWitnessStore } from "../../fakes/index.ts";
import { RecoverService } from "../../holder/index.ts";
import type { PeerTarget, PeerTransport } from "../../ports/index.ts";
import {
  announceReplacement,
  findNewestSlot,
  readNewestMembership,
  RecoverClient,
  type RecoverParts,
} from "./index.ts";

const never = new AbortController().signal;
const root = new Uint8Array(32).fill(9);
const keys = deriveOwnerKeys(root, 1);
const strangerKeys = deriveOwnerKeys(new Uint8Array(32).fill(8), 1);
const chain = { firstOwnerPublicKey: keys.ownerPublicKey, rotations: [] };

interface Peer {
  readonly target: PeerTarget;
  readonly service: RecoverService;
  readonly store: MemoryWitnessStore;
  readonly entries: Uint8Array[];
  state: NetworkState;
}

interface Setup {
  readonly world: SeededWorld;
  readonly peers: readonly Peer[];
  readonly parts: RecoverParts;
  readonly transport: PeerTransport;
  readonly reports: string[];
  ask(peer: Peer, request: RecoverRequest, asker?: Uint8Array): Promise<RecoverResponse>;
}

const phraseWords = newPhrase(new SeededWorld("phrase")).join(" ");

function setup(count = 3): Setup {
  const world = new SeededWorld("recover");
  const network = new MemoryNetwork({ world });
  const device = certifyDevice(keys, world.randomBytes(32), 1);
  const first = createNetwork({ ownerKeys: keys, device, name: "Ada", networkName: "home", world });
  const reports: string[] = [];
  const report = (event: string): void => void reports.push(event);
  const peers = Array.from({ length: count }, () => {
    const deviceKey = world.randomBytes(32);
    const store = new MemoryWitnessStore();
    const entries = [first];
    let state = applyEntry(undefined, first);
    const service = new RecoverService({
      store,
      deviceKey,
      membership: () => ({
        networkId: state.networkId,
        logLength: entries.length,
        entriesFrom: (index) => entries.slice(index),
        append: (entry) => {
          state = applyEntry(state, entry);
          return entries.push(entry);
        },
      }),
      ownerKeyOf: (account) => state.memberByAccount(account)?.ownerPublicKey,
      members: () => [
        { account: keys.account, deviceKey, addresses: ["/ip4/192.0.2.1/tcp/1", "not one", "/x".repeat(200)] },
      ],
      world,
      report,
    });
    network.join({ deviceKey, isAllowed: () => true, handler: service });
    return {
      target: { deviceKey, addresses: [] },
      service,
      store,
      entries,
      get state() {
        return state;
      },
    };
  });
  const own = world.randomBytes(32);
  const transport = network.join({
    deviceKey: own,
    isAllowed: () => true,
    handler: { admit: () => assert.fail("nobody asks"), handle: () => assert.fail("nobody asks") },
  });
  const parts = { client: new RecoverClient(transport), world, report };
  const ask = async (peer: Peer, request: RecoverRequest, asker = own): Promise<RecoverResponse> => {
    const frame = encodeRecoverRequest(request);
    const admitted = peer.service.admit(asker, frame);
    if ("refusal" in admitted) return decodeRecoverResponse(admitted.refusal.frame);
    try {
      return decodeRecoverResponse((await peer.service.handle(asker, { frame, body: [] })).frame);
    } finally {
      admitted.release();
    }
  };
  return { world, peers, parts, transport, reports, ask };
}

function slot(world: SeededWorld, number: number): Uint8Array {
  const phrase = parsePhrase(phraseWords);
  return sealPhraseSlot({
    root,
    phrase,
    ownerKeys: keys,
    chain,
    details: { networks: [], previousRoots: [] },
    number,
    world,
  });
}

async function keep(world: SeededWorld, peer: Peer | undefined, number: number): Promise<void> {
  const bytes = slot(world, number);
  const { account, locator } = verifySealedSlot(bytes);
  await peer?.store.keepSlot({ account, locator, bytes }, []);
}

async function challenge(it: Setup, peer: Peer, asker?: Uint8Array): Promise<Uint8Array> {
  const response = await it.ask(peer, { type: "challenge" }, asker);
  assert.equal(response.type, "challenge");
  return response.type === "challenge" ? response.challenge : assert.fail();
}

const code = (response: RecoverResponse): string => (response.type === "refused" ? response.code : response.type);

test("the words find the newest of the slots that members have", async () => {
  const it = setup();
  await keep(it.world, it.peers[0], 3);
  await keep(it.world, it.peers[2], 4);
  const targets = it.peers.map(({ target }) => target);
  const found = await findNewestSlot(it.parts, targets, parsePhrase(phraseWords), never);
  assert.equal(verifySealedSlot(found).number, 4);
});

test("without a slot, or with nobody there, it says so", async () => {
  const it = setup();
  const gone = { deviceKey: it.world.randomBytes(32), addresses: [] };
  const phrase = parsePhrase(phraseWords);
  await assert.rejects(findNewestSlot(it.parts, [it.peers[0]?.target ?? gone, gone], phrase, never), {
    code: "slot-not-found",
  });
});

test("a new device reads the log, becomes the owner's, and every member hears it", async () => {
  const it = setup();
  const targets = it.peers.map(({ target }) => target);
  const { state } = await readNewestMembership(it.parts, targets, keys, never);
  const device = certifyDevice(keys, it.world.randomBytes(32), 2);
  const { delivered } = await announceReplacement(it.parts, { state, keys, device }, targets, never);
  assert.equal(delivered.length, 3);
  for (const peer of it.peers) {
    assert.deepEqual(peer.state.memberByAccount(keys.account)?.deviceKey, device.deviceKey);
  }
  const [place] = await it.parts.client.memberAddresses(targets[0] ?? assert.fail(), keys, never);
  assert.deepEqual(place?.addresses, ["/ip4/192.0.2.1/tcp/1"]);
});

test("a proof for another device, an old one, a used one and another asker's are refused alike", async () => {
  const it = setup();
  const [peer, other] = it.peers;
  assert.ok(peer !== undefined && other !== undefined);
  const { account } = keys;
  const read = (signature: Uint8Array): RecoverRequest => ({ type: "read-membership", account, signature, from: 0 });
  const signed = (to: Peer, bytes: Uint8Array): Uint8Array =>
    proveAccount(keys, { verifier: to.target.deviceKey, challenge: bytes });
  const good = signed(peer, await challenge(it, peer));
  assert.equal(code(await it.ask(peer, read(good))), "membership");
  assert.equal(code(await it.ask(peer, read(good))), "not-yours", "a used one");
  assert.equal(code(await it.ask(peer, read(signed(other, await challenge(it, peer))))), "not-yours");
  const others = await challenge(it, other);
  assert.equal(code(await it.ask(other, read(signed(other, others)), it.world.randomBytes(32))), "not-yours");
  const old = signed(other, await challenge(it, other));
  await it.world.advance(61_000);
  assert.equal(code(await it.ask(other, read(old))), "not-yours");
});

test("an owner who is no member, and a forged entry, get nothing", async () => {
  const it = setup();
  const [peer] = it.peers;
  assert.ok(peer !== undefined);
  await assert.rejects(it.parts.client.readMembership(peer.target, strangerKeys, 0, never), { code: "not-yours" });
  await it.world.advance(60_000);
  const device = certifyDevice(keys, it.world.randomBytes(32), 2);
  const { state } = peer;
  const good = announceReplacement(it.parts, { state, keys, device }, [], never);
  const { entry } = await good;
  const forged = entry.with(entry.length - 1, (entry.at(-1) ?? 0) ^ 1);
  await assert.rejects(it.parts.client.appendDevice(peer.target, keys, forged, never), { code: "conflict" });
  await assert.rejects(it.parts.client.appendDevice(peer.target, keys, peer.entries[0] ?? entry, never), {
    code: "not-yours",
  });
  assert.equal(peer.entries.length, 1);
});

test("who asks too much waits, and those who do not know what they ask for wait together", async () => {
  const it = setup();
  const [peer] = it.peers;
  assert.ok(peer !== undefined);
  const asker = it.world.randomBytes(32);
  const codes: string[] = [];
  for (let at = 0; at < 41; at++) codes.push(code(await it.ask(peer, { type: "challenge" }, asker)));
  assert.deepEqual(new Set(codes.slice(0, 40)), new Set(["challenge"]));
  assert.equal(codes[40], "rate-limited");
  assert.equal(code(await it.ask(peer, { type: "challenge" }, it.world.randomBytes(32))), "challenge");
  await it.world.advance(2_000);
  assert.equal(code(await it.ask(peer, { type: "challenge" }, asker)), "challenge");
  let limited = 0;
  for (let at = 0; at < 300; at++) {
    if (code(await it.ask(peer, guess(it.world), it.world.randomBytes(32))) === "rate-limited") limited++;
  }
  assert.ok(limited >= 90);
});

/** A question about something that nobody keeps. */
const guess = (world: SeededWorld): RecoverRequest => ({
  type: "find-slot",
  locator: world.randomBytes(32),
  locatorKey: world.randomBytes(32),
  signature: world.randomBytes(64),
});

test("a flood of keys, challenges and unknown names keeps nobody from a slot and a log that are here", async () => {
  const it = setup();
  const [peer] = it.peers;
  assert.ok(peer !== undefined);
  await keep(it.world, peer, 3);
  const phrase = parsePhrase(phraseWords);
  const flood = async (): Promise<void> => {
    for (let at = 0; at < 1_500; at++) {
      const stranger = it.world.randomBytes(32);
      await it.ask(peer, { type: "challenge" }, stranger);
      await it.ask(peer, guess(it.world), stranger);
      const account = it.world.randomBytes(32);
      await it.ask(peer, { type: "member-addresses", account, signature: it.world.randomBytes(64) }, stranger);
    }
  };
  await flood();
  assert.equal(code(await it.ask(peer, guess(it.world), it.world.randomBytes(32))), "rate-limited");
  // Between the genuine asker's challenge and its question the flood goes on, longer than any list of askers.
  const asker = it.world.randomBytes(32);
  const given = await challenge(it, peer, asker);
  await flood();
  const proof = proveLocator(phrase, { verifier: peer.target.deviceKey, challenge: given });
  const found = await it.ask(peer, { type: "find-slot", locator: phrase.locator, ...proof }, asker);
  assert.equal(code(found), "slot");
  await flood();
  assert.equal((await readNewestMembership(it.parts, [peer.target], keys, never)).entries.length, 1);
});

test("wrong proofs about a name that is known wait by that name, and leave the others alone", async () => {
  const it = setup();
  const [peer] = it.peers;
  assert.ok(peer !== undefined);
  await keep(it.world, peer, 3);
  const { locator } = parsePhrase(phraseWords);
  const codes: string[] = [];
  for (let at = 0; at < 100; at++) {
    codes.push(code(await it.ask(peer, { ...guess(it.world), locator } as RecoverRequest, it.world.randomBytes(32))));
  }
  assert.equal(codes.filter((one) => one === "not-yours").length, 80);
  assert.equal((await readNewestMembership(it.parts, [peer.target], keys, never)).entries.length, 1);
  await it.world.advance(1_000);
  assert.equal((await findNewestSlot(it.parts, [peer.target], parsePhrase(phraseWords), never)).length > 0, true);
});

test("a log that goes on in the future counts up to there only, so that no member can keep a new device out", async () => {
  const it = setup();
  const [liar] = it.peers;
  assert.ok(liar !== undefined);
  const device = (epoch: number): DeviceCertificate => certifyDevice(keys, it.world.randomBytes(32), epoch);
  const ahead = new SeededWorld("ahead", 2 ** 53 - 1);
  liar.entries.push(replaceDevice({ state: liar.state, ownerKeys: keys, device: device(2), world: ahead }));
  const targets = it.peers.map(({ target }) => target);
  const { state, entries } = await readNewestMembership(it.parts, targets, keys, never);
  assert.equal(entries.length, 1);
  const entry = replaceDevice({ state, ownerKeys: keys, device: device(2), world: it.world });
  checkTimely(entry, it.world.nowMs());
});

test("answers that an asker does not read are few, and keep nobody else from theirs", async () => {
  const it = setup();
  const [peer] = it.peers;
  assert.ok(peer !== undefined);
  const admitted = (asker: Uint8Array): (() => void) | undefined => {
    const request = { type: "read-membership", account: keys.account, signature: new Uint8Array(64), from: 0 } as const;
    const given = peer.service.admit(asker, encodeRecoverRequest(request));
    return "refusal" in given ? undefined : given.release;
  };
  for (let stranger = 0; stranger < 8; stranger++) {
    const asker = it.world.randomBytes(32);
    const held = Array.from({ length: 6 }, () => admitted(asker));
    assert.equal(held.filter((release) => release !== undefined).length, 4);
  }
  assert.equal((await readNewestMembership(it.parts, [peer.target], keys, never)).entries.length, 1);
});

test("a client with a clock waits as long as it is told, within bounds", async () => {
  const it = setup();
  const [peer] = it.peers;
  assert.ok(peer !== undefined);
  const patient = new RecoverClient(it.transport, it.world);
  for (let at = 0; at < 40; at++) await it.ask(peer, { type: "challenge" });
  await assert.rejects(it.parts.client.memberAddresses(peer.target, keys, never), { code: "rate-limited" });
  const asking = patient.memberAddresses(peer.target, keys, never);
  const over = new AbortController();
  const end = (): void => over.abort();
  asking.then(end, end);
  while (!over.signal.aborted) {
    await new Promise((resolve) => setImmediate(resolve));
    await it.world.advance(100);
  }
  assert.equal((await asking).length, 1);
});

test("guessing costs more than asking", async () => {
  const it = setup();
  const [peer] = it.peers;
  assert.ok(peer !== undefined);
  const asker = it.world.randomBytes(32);
  const codes: string[] = [];
  for (let at = 0; at < 6; at++) codes.push(code(await it.ask(peer, guess(it.world), asker)));
  assert.equal(codes[0], "not-yours");
  assert.equal(codes[5], "rate-limited");
});
