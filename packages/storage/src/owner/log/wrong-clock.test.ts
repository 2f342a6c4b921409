/** Nothing in the metadata log is decided by a clock: not the order of entries, nor who is newer, nor what is kept. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { World } from "@piccolo/world";
import { type Device, WitnessCluster } from "../../../test-support/witness-cluster.ts";
import { MemoryOwnLog } from "../../fakes/index.ts";
import { decodeHead } from "../../log/index.ts";
import { createMetadataLog } from "./index.ts";

const never = new AbortController().signal;
const ages = [Date.UTC(2100, 0, 1), 0, Date.UTC(2027, 0, 1), Date.UTC(1970, 0, 2)];

/** The device with a clock that says something else. */
async function startedAt(cluster: WitnessCluster, ownLog: MemoryOwnLog, startMs: number): Promise<Device> {
  const made = cluster.device(ownLog);
  const { world } = cluster;
  const wrong: World = {
    nowMs: () => startMs + world.monotonicMs(),
    monotonicMs: () => world.monotonicMs(),
    sleep: (ms, signal) => world.sleep(ms, signal),
    randomBytes: (length) => world.randomBytes(length),
  };
  const options = { ...made.options, world: wrong };
  const device = { ...made, options, log: createMetadataLog(options) };
  device.log.start();
  await cluster.settleUntil(() => device.log.ready);
  return device;
}

test("a device goes on with its log whatever its clock says after each start, and all of it comes back", async () => {
  const cluster = new WitnessCluster(4);
  const ownLog = new MemoryOwnLog();
  const times: number[] = [];
  for (const [at, startMs] of ages.entries()) {
    const { log } = await startedAt(cluster, ownLog, startMs);
    ownLog.write(`key-${at}`, "x");
    assert.ok((await cluster.settle(log.flush(never))).witnessed);
    if (at === 1) await cluster.settle(log.checkpoint(never));
    assert.ok(log.view().ageMs >= 0);
    for (const entry of ownLog.entries(1, 1e9).slice(-1)) times.push(decodeHead(entry.head).head.timeMs);
    await log.stop();
  }
  assert.ok(
    times.some((ms, at) => ms < (times[at - 1] ?? 0)),
    "the clock went back between entries",
  );
  const { device, decision } = await cluster.recover();
  assert.equal(decision.mayBeStale, false);
  assert.deepEqual([...device.ownLog.rows()], [...ownLog.rows()]);
});

test("of an old disk with a clock far ahead and the newest state, the newest state wins", async () => {
  const cluster = new WitnessCluster(4);
  const ownLog = new MemoryOwnLog();
  const first = await startedAt(cluster, ownLog, Date.UTC(2027, 0, 1));
  ownLog.write("a", "old");
  assert.ok((await cluster.settle(first.log.flush(never))).witnessed);
  const image = ownLog.clone();
  ownLog.write("a", "new");
  assert.ok((await cluster.settle(first.log.flush(never))).witnessed);
  await first.log.stop();
  const old = await startedAt(cluster, image, Date.UTC(2100, 0, 1));
  assert.equal(image.rows().get("a"), "new");
  await old.log.stop();
});
