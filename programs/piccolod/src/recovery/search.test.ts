import assert from "node:assert/strict";
import { test } from "node:test";
import { toBase64Url, toHex } from "@piccolo/bytes";
import {
  certifyDevice,
  certifyRotation,
  deriveOwnerKeys,
  newPhrase,
  type OwnerKeys,
  parsePhrase,
  sealPhraseSlot,
  verifySealedSlot,
} from "@piccolo/envelope";
import { type Fault, isFault } from "@piccolo/fault";
import {
  acceptInvitation,
  applyEntry,
  cosignInvitation,
  createInvitation,
  createNetwork,
  membershipFaults,
  type NetworkState,
  replaceDevice,
  rotateOwnerKey,
} from "@piccolo/membership";
import { MemoryNetwork, MemoryWitnessStore } from "@piccolo/storage/fakes";
import { RecoverService } from "@piccolo/storage/holder";
import { type PeerTarget, transportFaults } from "@piccolo/storage/ports";
import { type FoundMembership, RecoverClient } from "@piccolo/storage/recover";
import { SeededWorld } from "@piccolo/world";
import { ClockDoubt } from "./clock-doubt.ts";
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
  /** Device keys of the members beside the owner, in order of joining. */
  readonly others: readonly Uint8Array<ArrayBuffer>[];
}

function newLog(world: SeededWorld, owner: OwnerKeys = keys): Log {
  const device = certifyDevice(owner, world.randomBytes(32), 1);
  const entry = createNetwork({ ownerKeys: owner, device, name: "Ada", networkName: "home", world });
  return { state: applyEntry(undefined, entry), entries: [entry], others: [] };
}

const keysOf = (number: number): OwnerKeys => deriveOwnerKeys(new Uint8Array(32).fill(20 + number), 1);

/** A network with so many more members. */
function logWith(world: SeededWorld, others: number): Log {
  let log = newLog(world);
  for (let number = 0; number < others; number++) {
    const { state } = log;
    const made = createInvitation({ state, ownerKeys: keys, expiresAtMs: world.nowMs() + 1_000, world });
    const signed = number < 3 ? made.signed : cosignInvitation({ state, ownerKeys: keysOf(0), signed: made.signed });
    const ownerKeys = keysOf(number);
    const device = certifyDevice(ownerKeys, world.randomBytes(32), 1);
    const invitation = made.withSignatures(signed);
    const entry = acceptInvitation({ state, invitation, ownerKeys, device, name: `Member ${number}`, world });
    log = added({ ...log, others: [...log.others, device.deviceKey.slice()] }, entry);
  }
  return log;
}

const added = ({ state, entries, others }: Log, entry: Uint8Array): Log => ({
  state: applyEntry(state, entry),
  entries: [...entries, entry],
  others,
});

/** The log with one more device of an owner. */
function replacedIn(world: SeededWorld, log: Log, ownerKeys: OwnerKeys): Log {
  const { deviceEpoch = 0 } = log.state.memberByAccount(ownerKeys.account) ?? {};
  const device = certifyDevice(ownerKeys, world.randomBytes(32), deviceEpoch + 1);
  return added(log, replaceDevice({ state: log.state, ownerKeys, device, world }));
}

/** The log with one more owner key of the first of the others, whose device stays the same. */
function padded(world: SeededWorld, log: Log, epoch = 2): Log {
  const keysAt = (at: number): OwnerKeys =>
    at === 1 ? keysOf(0) : deriveOwnerKeys(new Uint8Array(32).fill(40 + at), at, keysOf(0).account);
  const ownerKeys = keysAt(epoch);
  const rotations = [certifyRotation(keysAt(epoch - 1), ownerKeys)];
  return added(log, rotateOwnerKey({ state: log.state, ownerKeys, rotations, world }));
}

/** Another member's device, with a log and a store of its own. */
class Peer {
  readonly target: PeerTarget;
  readonly store = new MemoryWitnessStore();
  readonly log: Log;
  /** Whether every entry is ahead of its clock. */
  isSlow = false;

  constructor(world: SeededWorld, network: MemoryNetwork, log: Log, deviceKey = world.randomBytes(32)) {
    this.log = { ...log, entries: [...log.entries] };
    this.target = { deviceKey, addresses: ["/ip4/192.0.2.1/tcp/1"] };
    const handler = new RecoverService({
      store: this.store,
      deviceKey,
      membership: () => ({
        networkId: this.log.state.networkId,
        logLength: this.log.entries.length,
        entriesFrom: (index) => this.log.entries.slice(index),
        append: (entry) => {
          if (this.isSlow) throw membershipFaults.fault("entry-untimely", "ahead of this member's clock");
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
  readonly log: Log;
  readonly devices = new KnownDevices();
  lies: Lies | undefined;
  readonly #own = this.world.randomBytes(32);
  #peers = 0;

  constructor(others = 2) {
    this.log = logWith(this.world, others);
  }

  /** The next member's device; whoever comes after all of them is none's. */
  peer(log = this.log): Peer {
    return new Peer(this.world, this.network, log, log.others[this.#peers++]);
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
      client: new RecoverClient(transport, this.world),
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
  const peer = scene.peer(replacedIn(scene.world, scene.log, keys));
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
  assert.equal(membership.entries.length, scene.log.entries.length + 1);
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
    [4, 4],
  );
  const other = await scene.take(again.membership, scene.world.randomBytes(32));
  assert.equal(other.certificate.deviceEpoch, 3);
  assert.equal(await codeOf(scene.take(other.membership, deviceKey)), "device-key-used");
});

test("an entry that came first is read, and the own one made anew behind it", async () => {
  const scene = new Scene();
  const peer = scene.peer(replacedIn(scene.world, scene.log, keys));
  scene.devices.add(peer.target);
  const taken = await scene.take(scene.log, scene.world.randomBytes(32));
  assert.equal(taken.certificate.deviceEpoch, 3);
  assert.equal(peer.log.entries.length, scene.log.entries.length + 2);
});

test("a central that always says another entry came first stops nobody", async () => {
  const scene = new Scene();
  const peer = scene.peer();
  scene.devices.add(peer.target);
  scene.lies = { log: scene.log.entries };
  const taken = await scene.take(scene.log, scene.world.randomBytes(32));
  assert.equal(taken.certificate.deviceEpoch, 2);
  assert.equal(peer.log.entries.length, scene.log.entries.length + 1);
});

test("in reach of nobody no place is taken", async () => {
  const scene = new Scene();
  const deviceKey = scene.world.randomBytes(32);
  assert.equal(await codeOf(scene.take(scene.log, deviceKey)), "no-members-reachable");
  const alone = await scene.take(newLog(scene.world), deviceKey);
  assert.equal(alone.certificate.deviceEpoch, 2, "a network of one has nobody to tell");
});

test("a member who alone has a longer log keeps no recovery from the one that the others have", async () => {
  const scene = new Scene(4);
  const eve = scene.peer(padded(scene.world, scene.log));
  const honest = [scene.peer(), scene.peer(), scene.peer()];
  for (const { target } of [eve, ...honest]) scene.devices.add(target);
  const deviceKey = scene.world.randomBytes(32);
  const { membership } = await scene.take(eve.log, deviceKey);
  for (const { log } of honest) {
    assert.deepEqual(membership.state.headHash, log.state.headHash);
    assert.deepEqual(log.state.memberByAccount(keys.account)?.deviceKey, deviceKey);
  }
});

test("nor does one whose log is handed out, longer and longer, by devices that are nobody's", async () => {
  const scene = new Scene(4);
  let longer = padded(scene.world, scene.log);
  const eve = scene.peer(longer);
  const honest = [scene.peer(), scene.peer(), scene.peer()];
  const strangers = Array.from({ length: 6 }, (_, at) => {
    longer = padded(scene.world, longer, at + 3);
    return scene.peer(longer);
  });
  for (const { target } of [eve, ...strangers, ...honest]) scene.devices.add(target);
  const { membership } = await scene.take(longer, scene.world.randomBytes(32));
  for (const { log } of honest) assert.deepEqual(membership.state.headHash, log.state.headHash);
});

test("one member's word is not enough where the others find the entry ahead of their clocks", async () => {
  const scene = new Scene(4);
  const eve = scene.peer(padded(scene.world, scene.log));
  const honest = [scene.peer(), scene.peer(), scene.peer()];
  for (const peer of honest) peer.isSlow = true;
  for (const { target } of [eve, ...honest]) scene.devices.add(target);
  const doubt = new ClockDoubt(scene.world);
  const searching = { ...scene.searching, failed: (error: Fault) => doubt.note(error) };
  const deviceKey = scene.world.randomBytes(32);
  const taking = takePlace({ searching, keys: [keys], chain, membership: eve.log, deviceKey }, never);
  const ended: unknown = await scene.settled(taking).then(
    () => "taken",
    (error: unknown) => doubt.explain(error),
  );
  assert.ok(isFault(ended, "clock-wrong"), String(ended));
});

test("one entry is made for one place, however often it is brought", async () => {
  const scene = new Scene();
  const newer = padded(scene.world, scene.log);
  const [first, late] = [scene.peer(newer), scene.peer()];
  for (const { target } of [first, late]) scene.devices.add(target);
  const { searching } = scene;
  const { client } = searching;
  let isAway = false;
  const isFirst = ({ deviceKey }: PeerTarget): boolean => toHex(deviceKey) === toHex(first.target.deviceKey);
  const reached = (peer: PeerTarget): void => {
    if (isFirst(peer) && isAway) throw transportFaults.fault("peer-unreachable", "away");
  };
  // Once it has the entry the first one is away, and the other hears of the newer log from elsewhere.
  const watched = {
    appendDevice: async (...[peer, ...rest]: Parameters<RecoverClient["appendDevice"]>) => {
      reached(peer);
      const length = await client.appendDevice(peer, ...rest);
      isAway ||= isFirst(peer);
      return length;
    },
    readMembership: async (...[peer, ...rest]: Parameters<RecoverClient["readMembership"]>) => {
      reached(peer);
      return client.readMembership(peer, ...rest);
    },
    memberAddresses: async () => [],
  } as unknown as RecoverClient;
  void scene.world.sleep(500).then(() => Object.assign(late.log, { ...newer, entries: [...newer.entries] }));
  const deviceKey = scene.world.randomBytes(32);
  const options = { searching: { ...searching, client: watched }, keys: [keys], chain, membership: newer, deviceKey };
  await scene.settled(takePlace(options, never));
  assert.deepEqual(late.log.state.headHash, first.log.state.headHash);
});

test("where one says so and one the other, nothing is taken for the members' log until more are there", async () => {
  const scene = new Scene(4);
  const eve = scene.peer(padded(scene.world, scene.log));
  const [first, second] = [scene.peer(), scene.peer()];
  for (const { target } of [eve, first]) scene.devices.add(target);
  const deviceKey = scene.world.randomBytes(32);
  assert.equal(await codeOf(scene.take(eve.log, deviceKey)), "members-disagree");
  scene.devices.add(second.target);
  const { membership } = await scene.take(eve.log, deviceKey);
  assert.deepEqual(membership.state.headHash, second.log.state.headHash);
});

test("an entry that has not come to all members yet is waited for, and stays", async () => {
  const scene = new Scene();
  const newer = padded(scene.world, scene.log);
  const [first, late] = [scene.peer(newer), scene.peer()];
  for (const { target } of [first, late]) scene.devices.add(target);
  void scene.world.sleep(5_000).then(() => Object.assign(late.log, { ...newer, entries: [...newer.entries] }));
  const { membership } = await scene.take(newer, scene.world.randomBytes(32));
  assert.equal(membership.entries.length, newer.entries.length + 1);
  assert.deepEqual(membership.state.headHash, late.log.state.headHash);
});

test("a lone member in reach is enough, and one of nobody's devices is not", async () => {
  const scene = new Scene(1);
  const [member, stranger] = [scene.peer(), scene.peer()];
  scene.devices.add(stranger.target);
  const deviceKey = scene.world.randomBytes(32);
  assert.equal(await codeOf(scene.take(scene.log, deviceKey)), "no-members-reachable");
  scene.devices.add(member.target);
  const taken = await scene.take(scene.log, deviceKey);
  assert.deepEqual(member.log.state.headHash, taken.membership.state.headHash);
});
