import assert from "node:assert/strict";
import { test } from "node:test";
import { WitnessCluster } from "../../../test-support/witness-cluster.ts";
import { diskFaults } from "../../ports/index.ts";

const never = new AbortController().signal;

test("a disk that is full when a checkpoint is made costs nothing: what was stored goes, and deltas go on", async () => {
  const cluster = new WitnessCluster(4);
  const device = await cluster.started();
  const { ownLog, log } = device;
  ownLog.write("a", "1");
  assert.ok((await cluster.settle(log.flush(never))).witnessed);
  const append = ownLog.appendCheckpoint.bind(ownLog);
  ownLog.appendCheckpoint = () => {
    throw diskFaults.fault("disk-full", "there is no room");
  };
  await assert.rejects(cluster.settle(log.checkpoint(never)), { code: "disk-full" });
  assert.equal(cluster.checkpoints.stored.size, 0);
  ownLog.write("b", "2");
  assert.ok((await cluster.settle(log.flush(never))).witnessed);
  ownLog.appendCheckpoint = append;
  await cluster.settle(log.checkpoint(never));
  assert.equal(log.view().checkpointSequence, log.view().sequence);
  await log.stop();
});

test("a disk that is full when an entry is made holds the change back until there is room, and nothing ends", async () => {
  const cluster = new WitnessCluster(4);
  const device = await cluster.started();
  const { ownLog, log } = device;
  const append = ownLog.append.bind(ownLog);
  ownLog.append = () => {
    throw diskFaults.fault("disk-full", "there is no room");
  };
  ownLog.write("a", "1");
  assert.equal((await cluster.settle(log.flush(never))).witnessed, false);
  ownLog.append = append;
  assert.ok((await cluster.settle(log.flush(never))).witnessed);
  assert.equal(log.view().witnessedSequence, 1);
  await log.stop();
});
