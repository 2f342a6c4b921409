import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "@piccolo/bytes";
import { realWorld } from "@piccolo/world/real";
import { hash, makeSmallNetwork, type SmallNetwork } from "../../../test-support/small-network.ts";
import type { CheckpointRun } from "../../log/index.ts";
import { fixedPolicy } from "../../policy/index.ts";
import { transportFaults } from "../../ports/index.ts";
import { pattern } from "../../suites/suite.ts";
import { HolderHealth } from "../holder-health.ts";
import { SegmentCheckpointStore } from "./checkpoint-store.ts";

const never = new AbortController().signal;

async function setup(k: number, n: number): Promise<{ store: SegmentCheckpointStore; network: SmallNetwork }> {
  const network = await makeSmallNetwork({ holderCount: n });
  const { members, holderClient } = network;
  const store = new SegmentCheckpointStore({
    codec: { account: network.owner, hash },
    holderClient,
    health: new HolderHealth(realWorld),
    members,
    world: realWorld,
    report: () => undefined,
    policy: fixedPolicy({ k, n }),
    ownDomain: "home",
    nextTurn: () => 0,
  });
  return { store, network };
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
