import assert from "node:assert/strict";
import { test } from "node:test";
import { type Device, WitnessCluster } from "../../../test-support/witness-cluster.ts";
import { MemoryOwnLog } from "../../fakes/index.ts";
import type { FlushResult } from "./index.ts";

const never = new AbortController().signal;

async function write(cluster: WitnessCluster, { ownLog, log }: Device, key: string, value: string): Promise<boolean> {
  ownLog.write(key, value);
  return (await cluster.settle(log.flush(never))).witnessed;
}

/** A replacement that recovered while the last of four witnesses was away, which alone has what `left` made. */
async function replaced(left: (cluster: WitnessCluster, old: Device) => Promise<void>): Promise<{
  readonly cluster: WitnessCluster;
  readonly device: Device;
}> {
  const cluster = new WitnessCluster(4);
  const old = await cluster.started();
  assert.ok(await write(cluster, old, "a", "1"));
  await cluster.run(100);
  for (const at of [0, 1, 2]) cluster.setOnline(at, false);
  await left(cluster, old);
  await old.log.stop();
  cluster.setOnline(3, false);
  for (const at of [0, 1, 2]) cluster.setOnline(at, true);
  const { device } = await cluster.recover();
  device.log.start();
  await cluster.settleUntil(() => device.log.ready);
  return { cluster, device };
}

const last = (cluster: WitnessCluster) => cluster.heads()[3]?.head;

test("what a replaced device left at a witness that was away does not stop its replacement, written or not", async () => {
  const { cluster, device } = await replaced(async (at, old) => {
    assert.equal(await write(at, old, "a", "never acknowledged"), false);
    assert.equal(last(at)?.sequence, 2);
  });
  cluster.setOnline(3, true);
  await cluster.run(5_000);
  assert.equal(device.log.state, "ready");
  assert.ok(await write(cluster, device, "b", "2"));
  await cluster.settleUntil(() => last(cluster)?.deviceEpoch === 2);
  assert.equal(last(cluster)?.sequence, 2);
  await device.log.stop();
});

test("a witness counts for no entry that it has not kept, though a replaced device's checkpoint lies beyond it", async () => {
  const { cluster, device } = await replaced(async (at, old) => {
    for (const value of ["2", "3", "4"]) assert.equal(await write(at, old, "a", value), false);
    await at.settle(old.log.checkpoint(never));
    await at.settleUntil(() => last(at)?.kind === "checkpoint");
  });
  cluster.checkpoints.enough = false;
  assert.ok(await write(cluster, device, "b", "2"));
  cluster.setOnline(0, false);
  cluster.setOnline(3, true);
  await cluster.run(5_000);
  assert.equal(device.log.state, "ready");
  assert.equal(await write(cluster, device, "c", "3"), false, "two of four have it");
  cluster.checkpoints.enough = true;
  await cluster.settleUntil(() => last(cluster)?.deviceEpoch === 2, 120_000);
  assert.ok(await write(cluster, device, "d", "4"), "with its checkpoint the witness goes on");
  await device.log.stop();
});

test("who asks at the very moment a device becomes ready waits for the witnesses like everybody", async () => {
  const cluster = new WitnessCluster(4);
  const device = cluster.device(new MemoryOwnLog());
  let first: Promise<FlushResult> | undefined;
  device.log.onChange(() => {
    if (!device.log.ready || first !== undefined) return;
    for (const witness of cluster.witnesses) witness.online = false;
    device.ownLog.write("a", "1");
    first = device.log.flush(never);
  });
  device.log.start();
  await cluster.settleUntil(() => first !== undefined);
  assert.ok(first !== undefined);
  assert.deepEqual(await cluster.settle(first), { witnessed: false, reason: "late" });
  assert.equal(device.log.view().witnessedSequence, 0);
  await device.log.stop();
});
