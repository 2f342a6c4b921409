import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "@piccolo/bytes";
import { createKeyRing, deriveOwnerKeys, envelopeFaults, type KeyRing } from "@piccolo/envelope";
import { MortalOwner } from "../../test-support/mortal-owner.ts";
import {
  makeSmallNetwork,
  readAll,
  type SmallNetwork,
  type SmallNetworkOptions,
  until,
  writeVersion,
} from "../../test-support/small-network.ts";
import { fixedPolicy } from "../policy/index.ts";
import { diskFaults } from "../ports/index.ts";
import { pattern } from "../suites/suite.ts";
import { extentPlainBytes, type OwnerEngine } from "./index.ts";

const never = new AbortController().signal;
const twoOfFour = { policy: fixedPolicy({ k: 2, n: 4 }), holderCount: 4 };

/** The owner's keys through re-keys and locks. */
class Owner {
  #epoch = 1;
  #ring: KeyRing | undefined = createKeyRing(keysOf(1));

  readonly keys = (): KeyRing => {
    if (this.#ring === undefined) throw envelopeFaults.fault("locked", "the device is locked");
    return this.#ring;
  };

  /** A re-key that has wrapped everything anew. */
  rekey({ metadata }: Pick<SmallNetwork, "metadata">): void {
    const epoch = ++this.#epoch;
    this.#ring = createKeyRing(keysOf(epoch), [keysOf(epoch - 1)]);
    const ids = metadata.versionsBefore(epoch, new Uint8Array(0), 1_000).map(({ versionId }) => versionId);
    for (const versionId of [...ids, ...metadata.replacements(1_000)]) metadata.rewrap(versionId, this.#ring);
    this.#ring.forgetPrevious();
  }

  lock(): void {
    this.#ring = undefined;
  }

  unlock(): void {
    this.#ring = createKeyRing(keysOf(this.#epoch));
  }
}

function keysOf(epoch: number) {
  const first = deriveOwnerKeys(new Uint8Array(32).fill(1), 1);
  return epoch === 1 ? first : deriveOwnerKeys(new Uint8Array(32).fill(epoch), epoch, first.account);
}

async function setUp(options: SmallNetworkOptions = {}): Promise<{ owner: Owner; network: SmallNetwork }> {
  const owner = new Owner();
  return { owner, network: await makeSmallNetwork({ ...twoOfFour, keys: owner.keys, ...options }) };
}

const readWhole = (engine: OwnerEngine, versionId: Uint8Array, bytes: number): Promise<Buffer> =>
  readAll(engine, versionId, { start: 0, end: bytes });

/** What any holder still keeps of the owner's, by segment. */
async function heldSegments({ holders, owner }: SmallNetwork): Promise<ReadonlySet<string>> {
  const held = new Set<string>();
  for (const { store } of holders) {
    for (const { key } of store.list(owner, undefined, 1_000)) held.add(toHex(key.segmentId));
  }
  return held;
}

const segmentsOf = ({ metadata }: SmallNetwork, versionId: Uint8Array): readonly string[] =>
  metadata.extents(versionId).map(({ segmentId }) => toHex(segmentId));

function fekOf(owner: Owner, { metadata }: SmallNetwork, versionId: Uint8Array): string {
  const version = metadata.version(versionId);
  assert.ok(version !== undefined);
  return toHex(owner.keys().unwrapFek(version.wrappedFek, versionId));
}

test("content of every size is sealed under another key: it reads the same, and nothing sealed before stays with a holder", async () => {
  const { owner, network } = await setUp();
  const { engine, metadata } = network;
  const sizes = [0, 1, 65_520, 400_000, extentPlainBytes, extentPlainBytes + 1, 20_000_000];
  const versions = [];
  for (const size of sizes) versions.push({ size, id: await writeVersion(engine, pattern(size, size)) });
  for (const { id } of versions) assert.equal(await engine.sealAnew(id, never), "current");
  owner.rekey(network);
  const before = versions.map(({ id }) => ({ fek: fekOf(owner, network, id), segments: segmentsOf(network, id) }));
  for (const { id } of versions) assert.equal(await engine.sealAnew(id, never), "sealed");
  assert.deepEqual(metadata.countBefore(2), { versions: 0, plainBytes: 0 });
  assert.deepEqual([...metadata.replacements(10)], []);
  for (const [at, { id, size }] of versions.entries()) {
    assert.ok((await readWhole(engine, id, size)).equals(pattern(size, size)), `${size} bytes`);
    assert.notEqual(fekOf(owner, network, id), before[at]?.fek);
    assert.equal(metadata.version(id)?.fekEpoch, 2);
    assert.equal(engine.placementState(id), "durable");
    assert.equal(await engine.sealAnew(id, never), "current");
  }
  engine.start();
  await until("nothing dead", () => metadata.segmentsIn("dead", 1).length === 0);
  const held = await heldSegments(network);
  assert.ok(before.every(({ segments }) => segments.every((segment) => !held.has(segment))));
  assert.ok(versions.every(({ id }) => segmentsOf(network, id).every((segment) => held.has(segment))));
  await engine.stop();
});

test("a version that is under way or gone is left alone", async () => {
  const { owner, network } = await setUp();
  const { engine } = network;
  const { versionId } = engine.beginVersion();
  owner.rekey(network);
  assert.equal(await engine.sealAnew(versionId, never), "gone");
  assert.equal(await engine.sealAnew(new Uint8Array(16), never), "gone");
  await engine.stop();
});

test("nothing is freed before the change is known to outlive the device", async () => {
  let isKept = false;
  let asked = 0;
  const { owner, network } = await setUp({
    isKept: () => {
      asked++;
      return Promise.resolve(isKept);
    },
  });
  const { engine, metadata } = network;
  const id = await writeVersion(engine, pattern(1_000));
  const [before = ""] = segmentsOf(network, id);
  owner.rekey(network);
  await engine.sealAnew(id, never);
  engine.start();
  await until("asked", () => asked > 0);
  assert.ok((await heldSegments(network)).has(before));
  isKept = true;
  engine.wake();
  await until("nothing dead", () => metadata.segmentsIn("dead", 1).length === 0);
  assert.ok(!(await heldSegments(network)).has(before));
  await engine.stop();
});

test("with too few holders nothing changes and nothing waits in the spool; a large version goes on where it stood", async () => {
  let committed: () => void = () => undefined;
  const events = { committed: () => committed(), placementChanged: () => undefined };
  const { owner, network } = await setUp({ events });
  const { engine, holders, metadata } = network;
  const bytes = 2 * extentPlainBytes + 5_000;
  const [small, large] = [await writeVersion(engine, pattern(9_000)), await writeVersion(engine, pattern(bytes))];
  owner.rekey(network);
  const before = [small, large].map((id) => [metadata.version(id), [...metadata.extents(id)]]);
  const online = (is: boolean): void => {
    for (const holder of holders.slice(0, 2)) holder.online = is;
  };
  online(false);
  const fetched = network.sent.length;
  for (const id of [small, large]) await assert.rejects(engine.sealAnew(id, never), { code: "too-few-holders" });
  assert.equal(network.sent.length, fetched, "nobody is asked in vain");
  online(true);
  // The work is cut off once the first segment of the replacement is committed.
  const stop = new AbortController();
  committed = () => stop.abort(new Error("the work is cut off"));
  await assert.rejects(engine.sealAnew(large, stop.signal), /the work is cut off/);
  assert.deepEqual(
    [small, large].map((id) => [metadata.version(id), [...metadata.extents(id)]]),
    before,
  );
  assert.equal(engine.spool().usedBytes, 0);
  const replacement = metadata.replacementOf(large)?.versionId ?? assert.fail();
  const kept = segmentsOf(network, replacement);
  assert.equal(kept.length, 1);
  assert.equal(await engine.sealAnew(large, never), "sealed");
  assert.deepEqual(segmentsOf(network, large).slice(0, 1), kept);
  assert.ok((await readWhole(engine, large, bytes)).equals(pattern(bytes)));
  await engine.stop();
});

test("what is told to stop stops before its next part, changes nothing, and goes on where it stood", async () => {
  let extents = 0;
  const events = { committed: () => void extents++, placementChanged: () => undefined };
  const { owner, network } = await setUp({ events });
  const { engine, metadata } = network;
  const bytes = 4 * extentPlainBytes + 5_000;
  const [small, large] = [await writeVersion(engine, pattern(9_000)), await writeVersion(engine, pattern(bytes))];
  owner.rekey(network);
  const before = [small, large].map((id) => [metadata.version(id), [...metadata.extents(id)]]);
  const full = (): never => {
    throw diskFaults.fault("disk-full", "no room");
  };
  const fetched = network.sent.length;
  for (const id of [small, large]) await assert.rejects(engine.sealAnew(id, never, full), { code: "disk-full" });
  assert.equal(network.sent.length, fetched, "nothing is fetched that could not be kept");
  extents = 0;
  const untilFirst = (): void => (extents > 0 ? full() : undefined);
  await assert.rejects(engine.sealAnew(large, never, untilFirst), { code: "disk-full" });
  assert.deepEqual(
    [small, large].map((id) => [metadata.version(id), [...metadata.extents(id)]]),
    before,
  );
  const kept = segmentsOf(network, metadata.replacementOf(large)?.versionId ?? assert.fail());
  assert.ok(kept.length > 0 && kept.length < 5, String(kept.length));
  for (const id of [small, large]) assert.equal(await engine.sealAnew(id, never, () => undefined), "sealed");
  assert.deepEqual(segmentsOf(network, large).slice(0, kept.length), kept);
  assert.ok((await readWhole(engine, large, bytes)).equals(pattern(bytes)));
  await engine.stop();
});

test("a version removed while it is sealed anew is gone, and nobody keeps anything of it", async () => {
  for (const bytes of [50_000, extentPlainBytes + 50_000]) {
    const { owner, network } = await setUp();
    const { engine, holders, metadata } = network;
    const id = await writeVersion(engine, pattern(bytes));
    await until("all placed", () => engine.describe(id).segments.every(({ placed }) => placed.length === 4));
    owner.rekey(network);
    const reached = Promise.withResolvers<undefined>();
    const gate = Promise.withResolvers<undefined>();
    for (const holder of holders) {
      holder.gate = () => {
        reached.resolve(undefined);
        return gate.promise;
      };
    }
    const sealing = engine.sealAnew(id, never);
    await reached.promise;
    engine.removeVersion(id);
    gate.resolve(undefined);
    assert.equal(await sealing, "gone");
    assert.deepEqual([...metadata.replacements(10)], []);
    engine.start();
    await until("nothing dead", () => metadata.segmentsIn("dead", 1).length === 0);
    await engine.stop();
    assert.equal((await heldSegments(network)).size, 0);
  }
});

test("two do not seal one version anew at once", async () => {
  const { owner, network } = await setUp();
  const id = await writeVersion(network.engine, pattern(1_000));
  owner.rekey(network);
  const first = network.engine.sealAnew(id, never);
  await assert.rejects(network.engine.sealAnew(id, never), { code: "version-busy" });
  assert.equal(await first, "sealed");
  await network.engine.stop();
});

test("a reading that is under way goes on in what took the place of what it read", async () => {
  const { owner, network } = await setUp();
  const { engine, metadata } = network;
  const bytes = 6 * extentPlainBytes;
  const id = await writeVersion(engine, pattern(bytes));
  owner.rekey(network);
  engine.start();
  const parts: Uint8Array[] = [];
  for await (const part of engine.read(id, { start: 100, end: bytes - 100 }, never)) {
    parts.push(part);
    if (parts.length !== 3) continue;
    await engine.sealAnew(id, never);
    await until("nothing dead", () => metadata.segmentsIn("dead", 1).length === 0);
  }
  assert.ok(Buffer.concat(parts).equals(pattern(bytes).subarray(100, bytes - 100)));
  await engine.stop();
});

test("a re-key in the middle makes what was sealed until then void, and locking leaves the version as it is", async () => {
  const { owner, network } = await setUp();
  const { engine, holders, metadata } = network;
  const bytes = extentPlainBytes + 1_000;
  const [small, large] = [await writeVersion(engine, pattern(1_000)), await writeVersion(engine, pattern(bytes))];
  owner.rekey(network);
  for (const [id, change] of [
    [small, () => owner.rekey(network)],
    [large, () => owner.rekey(network)],
    [small, () => owner.lock()],
    [large, () => owner.lock()],
  ] as const) {
    let isChanged = false;
    for (const holder of holders) {
      holder.gate = async () => {
        if (isChanged) return;
        isChanged = true;
        change();
      };
    }
    await assert.rejects(engine.sealAnew(id, never), { code: /^(version-busy|locked)$/ });
    for (const holder of holders) holder.gate = () => Promise.resolve();
    owner.unlock();
    assert.equal(metadata.version(id)?.fekEpoch, 1);
  }
  for (const id of [small, large]) assert.equal(await engine.sealAnew(id, never), "sealed");
  assert.deepEqual([metadata.version(small)?.fekEpoch, metadata.version(large)?.fekEpoch], [4, 4]);
  assert.ok((await readWhole(engine, large, bytes)).equals(pattern(bytes)));
  assert.deepEqual([...metadata.replacements(10)], []);
  await engine.stop();
});

test("wherever the power goes while a version is sealed anew, it reads the same, and nobody keeps what no record names", async () => {
  for (const bytes of [0, 3_000, extentPlainBytes + 3_000]) {
    const passed = await survivesCut(bytes, Number.MAX_SAFE_INTEGER);
    assert.ok(passed.includes("before-replacement") && passed.includes("after-replacement"));
    // Each of them once, and twice where it is passed for each segment.
    const cuts = new Set([...new Set(passed)].flatMap((name) => [passed.indexOf(name), passed.lastIndexOf(name)]));
    await Promise.all([...cuts].map((at) => survivesCut(bytes, at)));
  }
});

async function survivesCut(bytes: number, crashAfter: number): Promise<readonly string[]> {
  const owner = new Owner();
  const content = pattern(bytes, 7);
  // The cut is armed once the version is written.
  const device = new MortalOwner(Number.MAX_SAFE_INTEGER, false, { keys: owner.keys });
  await device.start();
  const { network } = device;
  const versionId = await writeVersion(network.engine, content);
  await until("all placed", () =>
    network.engine.describe(versionId).segments.every(({ placed }) => placed.length === 4),
  );
  owner.rekey(device);
  device.passed.splice(0);
  device.arm(crashAfter);
  network.engine.start();
  try {
    await network.engine.sealAnew(versionId, never);
    await until("freed, or dead", () => device.isDead || device.metadata.segmentsIn("dead", 1).length === 0);
  } catch (error) {
    if (!device.isDead) throw error;
  }
  const passed = [...device.passed];
  const engine = await device.restart(false);
  assert.ok((await readWhole(engine, versionId, bytes)).equals(content));
  assert.match(await engine.sealAnew(versionId, never), /sealed|current/);
  assert.ok((await readWhole(engine, versionId, bytes)).equals(content));
  engine.start();
  await until("everything placed and freed", () =>
    (["dead", "under-placed", "pending"] as const).every((state) => device.metadata.segmentsIn(state, 1).length === 0),
  );
  await engine.stop();
  assert.deepEqual([...device.metadata.replacements(10)], []);
  assert.equal(device.metadata.version(versionId)?.fekEpoch, 2);
  return passed;
}
