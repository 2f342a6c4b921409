/** Central's copies: how they get there, what they are good for when members cannot deliver, and what a lie changes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "@piccolo/bytes";
import { type Device, MemoryCheckpoints, WitnessCluster } from "../../../test-support/witness-cluster.ts";
import { MemoryOwnLog, MemoryVault } from "../../fakes/index.ts";
import { decodeCheckpoint } from "../../log/index.ts";
import { createMetadataLog, recoverHead, restoreBest } from "./index.ts";
import { openEntry } from "./seal-entry.ts";

const never = new AbortController().signal;

interface Scene {
  readonly cluster: WitnessCluster;
  readonly vault: MemoryVault;
  readonly device: Device;
}

/** A device whose log, checkpoint and the entries after it are at the witnesses and at central. */
async function scene(vault = new MemoryVault(), witnesses = 3): Promise<Scene> {
  const cluster = new WitnessCluster(witnesses);
  const made = cluster.device(new MemoryOwnLog());
  const options = { ...made.options, vault };
  const device = { ...made, options, log: createMetadataLog(options) };
  device.log.start();
  await cluster.settleUntil(() => device.log.ready);
  await written({ cluster, vault, device }, 20);
  await cluster.settle(device.log.checkpoint(never));
  await written({ cluster, vault, device }, 2);
  const { sequence } = device.ownLog.position();
  await cluster.settleUntil(() => vault.kept.at(-1)?.sequence === sequence);
  return { cluster, vault, device };
}

async function written({ cluster, device }: Scene, count: number): Promise<void> {
  const { sequence } = device.ownLog.position();
  for (let at = 0; at < count; at++) {
    device.ownLog.write(`key-${sequence + at}`, "x".repeat(40));
    assert.ok((await cluster.settle(device.log.flush(never))).witnessed);
  }
}

/** Ids of the segments that the newest checkpoint is made of. */
function segmentsOf({ device }: Scene): string[] {
  const [entry] = device.ownLog.entries(device.ownLog.position().checkpoint, 1);
  assert.ok(entry !== undefined);
  const { snapshot, tailRuns } = decodeCheckpoint(openEntry(device.options, entry));
  return [snapshot, ...tailRuns]
    .flatMap(({ segments }) => segments.map(({ segmentId }) => toHex(segmentId)))
    .toSorted();
}

const keptSegments = ({ vault }: Scene): string[] => [...vault.segments.keys()].toSorted();

/** A new device with nothing, that reads from the witnesses and from central. */
async function recovered({ cluster, vault }: Scene, reader: Pick<MemoryVault, "head" | "entries" | "blob"> = vault) {
  cluster.checkpoints.vault = reader;
  const device = cluster.device(new MemoryOwnLog(), { epoch: cluster.deviceKeys.length + 1 });
  const options = { ...cluster.recoveryOptions(device), vault: reader };
  const decision = await cluster.settle(recoverHead(options, never));
  const restoring = restoreBest(options, device.ownLog, decision, never);
  return { device, decision, restored: cluster.settle(restoring) };
}

/** Witnesses name their heads and hand out nothing. */
function withhold({ cluster }: Scene): void {
  for (let at = 0; at < cluster.witnesses.length; at++) cluster.corrupt(at);
}

test("a checkpoint that too few holders can serve comes back from central, and another is made soon", async () => {
  const made = await scene();
  made.cluster.checkpoints.lost = true;
  await made.device.log.stop();
  const { device, decision, restored } = await recovered(made);
  await restored;
  assert.equal(decision.mayBeStale, false);
  assert.deepEqual([...device.ownLog.rows()], [...made.device.ownLog.rows()]);
  assert.ok(device.ownLog.checkpointDue, "until there is another one all depends on central");
});

test("bytes of central that are not the segment change nothing, and are named", async () => {
  const lies: Record<string, (bytes: Uint8Array) => Uint8Array> = {
    wrong: (bytes) => bytes.with(3, (bytes[3] ?? 0) ^ 1),
    truncated: (bytes) => bytes.subarray(0, -1),
    none: () => new Uint8Array(0),
  };
  for (const [name, lie] of Object.entries(lies)) {
    const made = await scene();
    made.cluster.checkpoints.lost = true;
    await made.device.log.stop();
    const { vault } = made;
    const reader = {
      head: () => vault.head(),
      entries: (from: number) => vault.entries(from),
      blob: async (id: Uint8Array) => lie(await vault.blob(id)),
    };
    const { restored } = await recovered(made, reader);
    await assert.rejects(restored, { code: "not-enough-fragments" }, name);
    made.cluster.checkpoints.lost = false;
    await (
      await recovered(made, reader)
    ).restored;
  }
});

test("entries that every witness names and none hands out come from central", async () => {
  const made = await scene();
  await made.device.log.stop();
  withhold(made);
  const { device, restored } = await recovered(made);
  await restored;
  assert.deepEqual([...device.ownLog.rows()], [...made.device.ownLog.rows()]);
  assert.equal(device.ownLog.checkpointDue, false);
});

test("central's entries that are changed, cut or of another account are not taken", async () => {
  const made = await scene();
  const other = await scene(new MemoryVault());
  await made.device.log.stop();
  await other.device.log.stop();
  withhold(made);
  const { vault } = made;
  const { blob, head } = { blob: (id: Uint8Array) => vault.blob(id), head: () => vault.head() };
  const lies = [
    async (from: number) => (await vault.entries(from)).slice(0, -1),
    async (from: number) =>
      (await vault.entries(from)).map((entry) => ({ ...entry, head: entry.head.with(-1 + entry.head.length, 1) })),
    async (from: number) => (await vault.entries(from)).toReversed(),
    () => Promise.resolve([]),
  ];
  for (const entries of lies) {
    const { device, restored } = await recovered(made, { head, blob, entries });
    await assert.rejects(restored, { code: "peer-protocol" });
    assert.ok(device.reports.some((line) => line.startsWith("vault-of-no-use")));
  }
});

test("central's head is never counted: with it alone what is found may be stale", async () => {
  const made = await scene();
  await made.device.log.stop();
  for (const at of [0, 1, 2]) made.cluster.setOnline(at, false);
  const { device, decision, restored } = await recovered(made);
  await restored;
  assert.deepEqual([decision.mayBeStale, decision.missing], [true, 2]);
  assert.deepEqual(
    decision.candidates.map(({ from }) => from),
    [[]],
  );
  assert.deepEqual([...device.ownLog.rows()], [...made.device.ownLog.rows()]);
});

test("a head of central's that leads nowhere gives way to what the witnesses have", async () => {
  const made = await scene();
  const newest = made.vault.kept.at(-1);
  assert.ok(newest !== undefined);
  const older = made.device.ownLog.clone();
  const rows = [...made.device.ownLog.rows()];
  assert.equal(older.position().sequence, newest.sequence);
  // An entry that only central ever got.
  for (const at of [0, 1, 2]) made.cluster.setOnline(at, false);
  made.device.ownLog.write("late", "x");
  await made.cluster.settle(made.device.log.flush(never));
  const [late] = made.device.ownLog.entries(newest.sequence + 1, 1);
  assert.ok(late !== undefined);
  await made.device.log.stop();
  for (const at of [0, 1, 2]) made.cluster.setOnline(at, true);
  const reader = {
    head: () => Promise.resolve(late.head),
    entries: () => Promise.resolve([]),
    blob: () => made.vault.blob(new Uint8Array(16)),
  };
  const { device, decision, restored } = await recovered(made, reader);
  await restored;
  assert.equal(decision.candidates[0]?.newest.head.sequence, late.sequence);
  assert.deepEqual([...device.ownLog.rows()], rows);
});

test("central gets a checkpoint's segments before its entry, and loses the former ones after it", async () => {
  const made = await scene();
  assert.deepEqual(keptSegments(made), segmentsOf(made));
  const before = keptSegments(made);
  assert.ok(before.length > 1);
  const order: string[] = [];
  const { vault } = made;
  const [putBlob, putEntry, removeBlob] = [
    vault.putBlob.bind(vault),
    vault.putEntry.bind(vault),
    vault.removeBlob.bind(vault),
  ];
  vault.putBlob = (id, bytes) => (order.push("segment"), putBlob(id, bytes));
  vault.putEntry = (entry) => (order.push(entry.kind), putEntry(entry));
  vault.removeBlob = (id) => (order.push("removal"), removeBlob(id));
  await made.cluster.settle(made.device.log.checkpoint(never));
  await made.cluster.settleUntil(() => order.filter((what) => what === "removal").length === before.length);
  assert.deepEqual(keptSegments(made), segmentsOf(made));
  assert.deepEqual([...new Set(order)], ["segment", "checkpoint", "removal"]);
  await made.device.log.stop();
});

test("what was cut off goes on where it stopped, and nothing is brought twice", async () => {
  const made = await scene();
  const { vault, cluster, device } = made;
  await device.log.stop();
  const [lost] = vault.segments.keys();
  assert.ok(lost !== undefined);
  vault.segments.delete(lost);
  vault.segments.set("77".repeat(16), new Uint8Array(1));
  let brought = 0;
  const putBlob = vault.putBlob.bind(vault);
  vault.putBlob = (id, bytes) => (brought++, putBlob(id, bytes));
  const again = createMetadataLog(device.options);
  again.start();
  await cluster.settleUntil(() => brought === 1 && !vault.segments.has("77".repeat(16)));
  assert.deepEqual(keptSegments(made), segmentsOf(made));
  await again.stop();
});

test("where central has no room for segments it gets the entries all the same, and says so", async () => {
  const vault = new MemoryVault();
  vault.segmentsMax = 1;
  const made = await scene(vault);
  await written(made, 3);
  const { sequence } = made.device.ownLog.position();
  await made.cluster.settleUntil(() => vault.kept.at(-1)?.sequence === sequence);
  assert.ok(made.device.reports.some((line) => line.startsWith("vault-not-whole") && line.includes("quota-reached")));
  vault.segmentsMax = 1_000;
  await made.cluster.settleUntil(() => vault.segments.size === segmentsOf(made).length, 1_200_000);
  await made.device.log.stop();
});

test("room that the former checkpoint takes is used again once its entry is gone", async () => {
  const vault = new MemoryVault();
  const made = await scene(vault);
  vault.segmentsMax = vault.segments.size + 1;
  await made.cluster.settle(made.device.log.checkpoint(never));
  await made.cluster.settleUntil(() => keptSegments(made).join() === segmentsOf(made).join());
  await made.device.log.stop();
});

test("segments that too few holders can serve hold up no entry", async () => {
  const made = await scene();
  made.vault.segments.clear();
  await made.device.log.stop();
  made.cluster.checkpoints.lost = true;
  const again = createMetadataLog(made.device.options);
  again.start();
  await made.cluster.settleUntil(() => again.ready);
  made.device.ownLog.write("more", "x");
  assert.ok((await made.cluster.settle(again.flush(never))).witnessed);
  const { sequence } = made.device.ownLog.position();
  await made.cluster.settleUntil(() => made.vault.kept.at(-1)?.sequence === sequence);
  assert.ok(made.cluster.checkpoints instanceof MemoryCheckpoints);
  await again.stop();
});
