import assert from "node:assert/strict";
import { test } from "node:test";
import { toBase64Url, toHex } from "@piccolo/bytes";
import {
  certifyDevice,
  deriveOwnerKeys,
  newPhrase,
  type OwnerKeys,
  parsePhrase,
  sealPhraseSlot,
  verifySealedSlot,
} from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import {
  acceptInvitation,
  applyEntry,
  createInvitation,
  createNetwork,
  type NetworkState,
  replaceDevice,
} from "@piccolo/membership";
import { MemoryNetwork, MemoryWitnessStore } from "@piccolo/storage/fakes";
import { RecoverService } from "@piccolo/storage/holder";
import type { PeerTarget } from "@piccolo/storage/ports";
import { type FoundMembership, RecoverClient } from "@piccolo/storage/recover";
import { SeededWorld } from "@piccolo/world";
import { KnownDevices } from "./known-devices.ts";
import { OwnerSearch, type Searching } from "./search.ts";
import { takePlace } from "./take-place.ts";

const never = new AbortController().signal;
const root = new Uint8Array(32).fill(9);
const keys = deriveOwnerKeys(root, 1);
const chain = { firstOwnerPublicKey: keys.ownerPublicKey, rotations: [] };
const phraseText = newPhrase(new SeededWorld("phrase")).join(" ");
const origin = "http://central.example";

interface Log {
  state: NetworkState;
  readonly entries: Uint8Array[];
}

function newLog(world: SeededWorld, owner: OwnerKeys = keys): Log {
  const device = certifyDevice(owner, world.randomBytes(32), 1);
  const entry = createNetwork({ ownerKeys: owner, device, name: "Ada", networkName: "home", world });
  return { state: applyEntry(undefined, entry), entries: [entry] };
}

/** A network with one more member. */
function twoIn(world: SeededWorld): Log {
  const { state, entries } = newLog(world);
  const other = deriveOwnerKeys(new Uint8Array(32).fill(5), 1);
  const invitation = createInvitation({ state, ownerKeys: keys, expiresAtMs: world.nowMs() + 1_000, world });
  const device = certifyDevice(other, world.randomBytes(32), 1);
  const entry = acceptInvitation({ state, invitation, ownerKeys: other, device, name: "Bela", world });
  return { state: applyEntry(state, entry), entries: [...entries, entry] };
}

/** Another member's device, with a log and a store of its own. */
class Peer {
  readonly target: PeerTarget;
  readonly store = new MemoryWitnessStore();
  readonly log: Log;

  constructor(world: SeededWorld, network: MemoryNetwork, log: Log) {
    this.log = { state: log.state, entries: [...log.entries] };
    const deviceKey = world.randomBytes(32);
    this.target = { deviceKey, addresses: ["/ip4/192.0.2.1/tcp/1"] };
    const handler = new RecoverService({
      store: this.store,
      deviceKey,
      membership: () => ({
        networkId: this.log.state.networkId,
        logLength: this.log.entries.length,
        entriesFrom: (index) => this.log.entries.slice(index),
        append: (entry) => {
          if (this.log.entries.some((known) => toHex(known) === toHex(entry))) return this.log.entries.length;
          this.log.state = applyEntry(this.log.state, entry);
          return this.log.entries.push(entry);
        },
      }),
      ownerKeyOf: (account) => this.log.state.memberByAccount(account)?.ownerPublicKey,
      members: () => [],
      world,
      report: () => undefined,
    });
    network.join({ deviceKey, isAllowed: () => true, handler });
  }

  async keep(bytes: Uint8Array): Promise<void> {
    const { account, locator } = verifySealedSlot(bytes);
    await this.store.keepSlot({ account, locator, bytes }, []);
  }
}

/** What a central says that may be gone or lie. */
interface Lies {
  readonly slot?: Uint8Array;
  readonly log?: readonly Uint8Array[];
}

class Scene {
  readonly world = new SeededWorld("search");
  readonly network = new MemoryNetwork({ world: this.world });
  readonly log: Log = twoIn(this.world);
  readonly devices = new KnownDevices();
  lies: Lies | undefined;
  readonly #own = this.world.randomBytes(32);

  peer(log = this.log): Peer {
    return new Peer(this.world, this.network, log);
  }

  slot(number: number, named: readonly Peer[], networkId = this.log.state.networkId): Uint8Array {
    const members = named.map(({ target }, at) => ({ account: new Uint8Array(32).fill(at), name: "peer", ...target }));
    const networks = [{ id: networkId, name: "home", central: origin, members }];
    const details = { networks, previousRoots: [] };
    const phrase = parsePhrase(phraseText);
    return sealPhraseSlot({ root, phrase, ownerKeys: keys, chain, details, number, world: this.world });
  }

  get searching(): Searching {
    const transport = this.network.join({
      deviceKey: this.#own,
      isAllowed: () => true,
      handler: { admit: () => assert.fail("nobody asks"), handle: () => assert.fail("nobody asks") },
    });
    return {
      client: new RecoverClient(transport),
      world: this.world,
      report: () => undefined,
      devices: this.devices,
      centrals: [origin],
      fetch: (input, init) => this.#central(new URL(input), init.method ?? "GET"),
    };
  }

  async #central({ pathname, searchParams }: URL, method: string): Promise<Response> {
    const { lies } = this;
    if (lies === undefined) throw new Error("nobody is there");
    const from = Number(searchParams.get("from") ?? 0);
    const log = lies.log ?? [];
    if (pathname === "/v1/recovery/challenge") return Response.json({ challenge: "ab".repeat(32), expiresAtMs: 1 });
    if (pathname === "/v1/recovery/slot" && lies.slot !== undefined) {
      return Response.json({ slot: toBase64Url(lies.slot) });
    }
    if (method === "GET" && pathname.endsWith("/log")) {
      const networkId = pathname.split("/")[3];
      const entries = log.slice(from).map((entry) => toBase64Url(entry));
      return Response.json({ networkId, from, length: log.length, entries });
    }
    if (method === "GET" && pathname.endsWith("/addresses")) return Response.json({ peers: [] });
    if (method === "POST" && pathname === "/v1/accounts") {
      return Response.json({ account: toHex(keys.account), deviceKey: "cd".repeat(32), deviceEpoch: 2 });
    }
    const code = pathname === "/v1/recovery/slot" ? "unknown-slot" : "head-moved";
    const problem = { type: "about:blank", title: code, status: 409, code, detail: code, retry: false };
    return new Response(JSON.stringify(problem), { status: 409 });
  }

  search() {
    const search = new OwnerSearch(this.searching, parsePhrase(phraseText), [], never);
    return this.settled(search.run(() => undefined));
  }

  take(membership: FoundMembership, deviceKey: Uint8Array) {
    return this.settled(takePlace({ searching: this.searching, keys: [keys], chain, membership, deviceKey }, never));
  }

  /** Lets time pass until it has ended. */
  async settled<T>(work: Promise<T>): Promise<T> {
    const over = new AbortController();
    const end = (): void => over.abort();
    work.then(end, end);
    while (!over.signal.aborted) {
      await new Promise((resolve) => setImmediate(resolve));
      await this.world.advance(100);
    }
    return work;
  }
}

const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return "no fault";
  } catch (error) {
    if (isFault(error)) return error.code;
    throw error;
  }
};

test("with nobody there, or nobody who has the slot, it says which", async () => {
  const scene = new Scene();
  assert.equal(await codeOf(scene.search()), "no-members-reachable");
  scene.lies = {};
  assert.equal(await codeOf(scene.search()), "phrase-unknown");
  scene.lies = undefined;
  scene.devices.add(scene.peer().target);
  assert.equal(await codeOf(scene.search()), "phrase-unknown");
});

test("a slot without anybody who has the member list is of no use yet, and says so", async () => {
  const scene = new Scene();
  scene.lies = { slot: scene.slot(3, []) };
  assert.equal(await codeOf(scene.search()), "network-unknown");
});

test("an older slot at central loses against the one of a member whom it names, and of one whom that names", async () => {
  const scene = new Scene();
  const [first, second, third] = [scene.peer(), scene.peer(), scene.peer()];
  await first.keep(scene.slot(5, [second]));
  await second.keep(scene.slot(9, [first, second, third]));
  await third.keep(scene.slot(7, []));
  scene.lies = { slot: scene.slot(4, [first]), log: scene.log.entries };
  const found = await scene.search();
  assert.equal(found.opened.number, 9);
  assert.equal(scene.devices.all().length, 3);
});

test("one address is enough without central, and a damaged or another phrase's slot counts for nothing", async () => {
  const scene = new Scene();
  const [good, bad] = [scene.peer(), scene.peer()];
  const slot = scene.slot(2, []);
  await good.keep(slot);
  const { account, locator } = verifySealedSlot(slot);
  await bad.store.keepSlot({ account, locator, bytes: slot.with(slot.length - 1, (slot.at(-1) ?? 0) ^ 1) }, []);
  scene.devices.add(good.target);
  scene.devices.add(bad.target);
  const found = await scene.search();
  assert.equal(found.opened.number, 2);
  assert.deepEqual(found.membership.entries, scene.log.entries);
});

test("a network that the slot does not name is refused, though the owner is in it, and a cut log loses", async () => {
  const scene = new Scene();
  const longer = { ...scene.log, entries: [...scene.log.entries] };
  const device = certifyDevice(keys, scene.world.randomBytes(32), 2);
  const entry = replaceDevice({ state: longer.state, ownerKeys: keys, device, world: scene.world });
  longer.entries.push(entry);
  longer.state = applyEntry(longer.state, entry);
  const peer = scene.peer(longer);
  const elsewhere = newLog(scene.world);
  const stranger = scene.peer(elsewhere);
  scene.devices.add(stranger.target);
  for (const log of [elsewhere.entries, newLog(scene.world, deriveOwnerKeys(root.toReversed().fill(3), 1)).entries]) {
    scene.lies = { slot: scene.slot(3, []), log };
    assert.equal(await codeOf(scene.search()), "network-unknown");
  }
  scene.lies = { slot: scene.slot(3, [peer]), log: scene.log.entries };
  const { membership } = await scene.search();
  assert.equal(toHex(membership.state.networkId), toHex(scene.log.state.networkId));
  assert.equal(membership.entries.length, 3);
});

test("a place is taken once: a second try finds its own entry, and a member who missed it gets it then", async () => {
  const scene = new Scene();
  const [first, second] = [scene.peer(), scene.peer()];
  const deviceKey = scene.world.randomBytes(32);
  scene.devices.add(first.target);
  const taken = await scene.take(scene.log, deviceKey);
  assert.equal(taken.certificate.deviceEpoch, 2);
  assert.deepEqual(first.log.state.memberByAccount(keys.account)?.deviceKey, deviceKey);
  scene.devices.add(second.target);
  const again = await scene.take(taken.membership, deviceKey);
  assert.equal(again.certificate.deviceEpoch, 2);
  assert.deepEqual(
    [first, second].map(({ log }) => log.entries.length),
    [3, 3],
  );
  const other = await scene.take(again.membership, scene.world.randomBytes(32));
  assert.equal(other.certificate.deviceEpoch, 3);
  assert.equal(await codeOf(scene.take(other.membership, deviceKey)), "device-key-used");
});

test("an entry that came first is read, and the own one made anew behind it", async () => {
  const scene = new Scene();
  const peer = scene.peer();
  const device = certifyDevice(keys, scene.world.randomBytes(32), 2);
  const entry = replaceDevice({ state: peer.log.state, ownerKeys: keys, device, world: scene.world });
  peer.log.state = applyEntry(peer.log.state, entry);
  peer.log.entries.push(entry);
  scene.devices.add(peer.target);
  const taken = await scene.take(scene.log, scene.world.randomBytes(32));
  assert.equal(taken.certificate.deviceEpoch, 3);
  assert.equal(peer.log.entries.length, 4);
});

test("a central that always says another entry came first stops nobody", async () => {
  const scene = new Scene();
  const peer = scene.peer();
  scene.devices.add(peer.target);
  scene.lies = { log: scene.log.entries };
  const taken = await scene.take(scene.log, scene.world.randomBytes(32));
  assert.equal(taken.certificate.deviceEpoch, 2);
  assert.equal(peer.log.entries.length, 3);
});

test("in reach of nobody no place is taken", async () => {
  const scene = new Scene();
  const deviceKey = scene.world.randomBytes(32);
  assert.equal(await codeOf(scene.take(scene.log, deviceKey)), "no-members-reachable");
  const alone = await scene.take(newLog(scene.world), deviceKey);
  assert.equal(alone.certificate.deviceEpoch, 2, "a network of one has nobody to tell");
});
