import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "@piccolo/bytes";
import { SeededWorld } from "@piccolo/world";
import { realWorld } from "@piccolo/world/real";
import { hash, makeSmallNetwork, type SmallNetwork } from "../../../test-support/small-network.ts";
import type { CheckpointRun } from "../../log/index.ts";
import { fixedPolicy } from "../../policy/index.ts";
import { transportFaults } from "../../ports/index.ts";
import { MemoryVault } from "../../fakes/index.ts";
import { pattern } from "../../suites/suite.ts";
import { HolderHealth } from "../holder-health.ts";
import { SegmentCheckpointStore } from "./checkpoint-store.ts";

const never = new AbortController().signal;

interface Scene {
  readonly store: SegmentCheckpointStore;
  readonly network: SmallNetwork;
  readonly vault: MemoryVault;
  readonly reports: string[];
}

async function setup(k: number, n: number): Promise<Scene> {
  const network = await makeSmallNetwork({ holderCount: n });
  const { members, holderClient } = network;
  const vault = new MemoryVault();
  const reports: string[] = [];
  const store = new SegmentCheckpointStore({
    vault,
    codec: { account: network.owner, hash },
    holderClient,
    health: new HolderHealth(realWorld),
    members,
    world: realWorld,
    report: (event, { code }) => reports.push(`${event} ${String(code)}`),
    policy: fixedPolicy({ k, n }),
    ownDomain: "home",
    nextTurn: () => 0,
  });
  return { store, network, vault, reports };
}

async function read(store: SegmentCheckpointStore, run: CheckpointRun): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of store.read(run, never)) parts.push(part);
  return Buffer.concat(parts);
}

for (const [k, n] of [
  [1, 3],
  [3, 9],
] as const) {
  test(`content of several segments comes back from any ${k} of ${n} holders`, async () => {
    const { store, network } = await setup(k, n);
    const content = pattern(9_000_000);
    const run = await store.store([content.subarray(0, 5_000_000), content.subarray(5_000_000)], never);
    assert.equal(run.segments.length, 3);
    for (const holder of network.holders.slice(0, n - k)) holder.online = false;
    assert.ok(Buffer.compare(await read(store, run), content) === 0);
  });
}

test("nothing of the content is stored as it is, nor the same at two holders", async () => {
  const { store, network } = await setup(1, 3);
  const content = new Uint8Array(100_000).fill(0x41);
  await store.store([content], never);
  const stored = network.sent.filter(({ length }) => length > 10_000).map(toHex);
  assert.equal(new Set(stored).size, stored.length);
  assert.ok(stored.every((bytes) => !bytes.includes("41".repeat(32))));
});

test("an empty content has no segment", async () => {
  const { store } = await setup(3, 9);
  const run = await store.store([], never);
  assert.deepEqual(run.segments, []);
  assert.equal((await read(store, run)).length, 0);
});

test("with too few holders nothing is stored, and what was is taken back", async () => {
  const { store, network } = await setup(3, 9);
  for (const holder of network.holders.slice(0, 4)) holder.online = false;
  await assert.rejects(store.store([pattern(1_000)], never), { code: "too-few-holders" });
  for (const holder of network.holders.slice(0, 4)) holder.online = true;
  let stored = 0;
  for (const holder of network.holders) {
    holder.gate = () => {
      if (++stored > 12) throw transportFaults.fault("peer-unreachable", "gone");
      return Promise.resolve();
    };
  }
  await assert.rejects(store.store([pattern(9_000_000)], never), { code: "too-few-holders" });
});

test("removal tells every holder, and names those that were away", async () => {
  const { store, network } = await setup(3, 9);
  const run = await store.store([pattern(1_000)], never);
  const [away] = network.holders;
  assert.ok(away !== undefined);
  away.online = false;
  assert.deepEqual(await store.remove([run], never), [toHex(away.account)]);
  away.online = true;
  assert.deepEqual(await store.remove([run], never), []);
  await assert.rejects(read(store, run), { code: "not-enough-fragments" });
});

/** Central gets what a device would bring it. */
async function copied({ store, vault }: Scene, run: CheckpointRun): Promise<void> {
  for (const [ordinal, { segmentId }] of run.segments.entries()) {
    await vault.putBlob(segmentId, await store.sealedSegment(run, ordinal, never));
  }
}

for (const [k, n] of [
  [1, 3],
  [3, 9],
] as const) {
  test(`with fewer than ${k} of ${n} holders left the content comes from central, whose copies show no size`, async () => {
    const made = await setup(k, n);
    const { store, network, vault } = made;
    const content = pattern(9_000_000);
    const run = await store.store([content], never);
    await copied(made, run);
    const sizes = Array.from(vault.segments.values(), ({ length }) => length);
    assert.deepEqual(
      sizes.toSorted((a, b) => a - b),
      run.segments.map((segment) => segment.k * segment.fragmentBytes).toSorted((a, b) => a - b),
    );
    assert.ok(Buffer.compare(await read(store, run), content) === 0);
    assert.equal(store.leansOnVault, false, "the holders are asked first");
    for (const holder of network.holders.slice(0, n - k + 1)) holder.online = false;
    assert.ok(Buffer.compare(await read(store, run), content) === 0);
    assert.ok(store.leansOnVault);
  });
}

test("what central gives in a segment's place is no part of the content, whatever it is", async () => {
  const made = await setup(3, 9);
  const { store, network, vault, reports } = made;
  const [older, run] = [await store.store([pattern(5_000_000)], never), await store.store([pattern(5_000_000)], never)];
  const stranger = await setup(3, 9);
  const strangers = await stranger.store.store([pattern(5_000_000)], never);
  await copied(made, run);
  await copied(made, older);
  await copied(stranger, strangers);
  const [first, second] = run.segments.map(({ segmentId }) => toHex(segmentId));
  const [old] = older.segments.map(({ segmentId }) => toHex(segmentId));
  const [foreign] = stranger.vault.segments.values();
  const right = vault.segments.get(first ?? "");
  assert.ok(first !== undefined && second !== undefined && old !== undefined && right !== undefined);
  for (const holder of network.holders.slice(0, 7)) holder.online = false;
  const lies: Record<string, Uint8Array | undefined> = {
    "another segment of the same run": vault.segments.get(second),
    "a segment of the former checkpoint": vault.segments.get(old),
    "another account's segment": foreign,
    "one bit changed": right.with(40_000, (right[40_000] ?? 0) ^ 1),
    "cut short": right.subarray(0, -1),
    "made longer": Buffer.concat([right, new Uint8Array(1)]),
    empty: new Uint8Array(0),
    none: undefined,
  };
  for (const [name, lie] of Object.entries(lies)) {
    if (lie === undefined) vault.segments.delete(first);
    else vault.segments.set(first, lie);
    reports.length = 0;
    await assert.rejects(read(store, run), { code: "not-enough-fragments" }, name);
    assert.ok(
      reports.some((line) => line.startsWith("vault-segment-of-no-use")),
      name,
    );
  }
  assert.equal(store.leansOnVault, false);
  vault.segments.set(first, right);
  assert.equal((await read(store, run)).length, 5_000_000);
});

test("a central that never ends with a segment is given up, and the holders' answer stands", async () => {
  const world = new SeededWorld("endless");
  const network = await makeSmallNetwork({ holderCount: 3 });
  const reports: string[] = [];
  const context = {
    codec: { account: network.owner, hash },
    holderClient: network.holderClient,
    members: network.members,
    report: (event: string, { code }: Readonly<Record<string, unknown>>) => reports.push(`${event} ${String(code)}`),
    policy: fixedPolicy({ k: 1, n: 3 }),
    ownDomain: "home",
    nextTurn: () => 0,
  };
  const store = new SegmentCheckpointStore({ ...context, health: new HolderHealth(realWorld), world: realWorld });
  const run = await store.store([pattern(1_000)], never);
  for (const holder of network.holders) holder.online = false;
  const patient = new SegmentCheckpointStore({
    ...context,
    health: new HolderHealth(world),
    world,
    vault: {
      blob: (_, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
        }),
    },
  });
  const reading = read(patient, run);
  const over = new AbortController();
  const end = (): void => over.abort();
  reading.then(end, end);
  while (!over.signal.aborted) {
    await new Promise((resolve) => setImmediate(resolve));
    await world.advance(1_000);
  }
  await assert.rejects(reading, { code: "not-enough-fragments" });
  assert.ok(reports.includes("vault-segment-of-no-use peer-timeout"));
});
