import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeLogRequest, encodeLogResponse } from "@piccolo/wire";
import { type Device, WitnessCluster } from "../../../test-support/witness-cluster.ts";
import { MemoryOwnLog } from "../../fakes/index.ts";
import { metadataLogCrashPoints, recoverHead, restoreBest } from "./index.ts";

const never = new AbortController().signal;

async function write(cluster: WitnessCluster, { ownLog, log }: Device, key: string, value: string): Promise<boolean> {
  ownLog.write(key, value);
  return (await cluster.settle(log.flush(never))).witnessed;
}

const sequences = (cluster: WitnessCluster): number[] => cluster.heads().map((head) => head?.head.sequence ?? 0);

test("what is flushed is with a quorum, and soon with everybody", async () => {
  const cluster = new WitnessCluster(4);
  const device = await cluster.started();
  assert.ok(await write(cluster, device, "a", "1"));
  assert.ok(await write(cluster, device, "b", "2"));
  await cluster.run(100);
  assert.deepEqual(sequences(cluster), [2, 2, 2, 2]);
  const { state, sequence, witnessedSequence, ageMs, quorum } = device.log.view();
  assert.deepEqual(
    { state, sequence, witnessedSequence, ageMs, quorum },
    {
      state: "ready",
      sequence: 2,
      witnessedSequence: 2,
      ageMs: 0,
      quorum: 3,
    },
  );
  await device.log.stop();
});

test("commits at once share one entry", async () => {
  const cluster = new WitnessCluster(3);
  const device = await cluster.started();
  for (let at = 0; at < 50; at++) device.ownLog.write(`key-${at}`, "x");
  const flushes = Array.from({ length: 50 }, () => device.log.flush(never));
  for (const flush of flushes) assert.ok((await cluster.settle(flush)).witnessed);
  assert.ok(device.ownLog.position().sequence <= 2);
  await device.log.stop();
});

test("without a quorum in reach a flush says so after a while, and the witnesses there are get the entries", async () => {
  const cluster = new WitnessCluster(4);
  const device = await cluster.started();
  cluster.setOnline(0, false);
  cluster.setOnline(1, false);
  assert.equal(await write(cluster, device, "a", "1"), false);
  device.ownLog.write("b", "2");
  await cluster.run(30_000);
  assert.deepEqual(sequences(cluster).slice(2), [2, 2]);
  const flush = device.log.flush(never);
  cluster.setOnline(0, true);
  assert.ok((await cluster.settle(flush)).witnessed);
  await device.log.stop();
});

test("a device does not become ready before a quorum has shown its head", async () => {
  const cluster = new WitnessCluster(4);
  for (const at of [0, 1]) cluster.setOnline(at, false);
  const device = cluster.device(new MemoryOwnLog());
  device.log.start();
  await cluster.run(20_000);
  assert.equal(device.log.state, "no-quorum");
  assert.deepEqual(await device.log.flush(never), { witnessed: false, reason: "no-quorum" });
  cluster.setOnline(0, true);
  await cluster.settleUntil(() => device.log.ready);
  await device.log.stop();
});

test("where the owner has accepted what was found it goes on with fewer, and acknowledges nothing without a quorum", async () => {
  const cluster = new WitnessCluster(4);
  for (const at of [0, 1, 2]) cluster.setOnline(at, false);
  cluster.isAccepted = true;
  const device = cluster.device(new MemoryOwnLog());
  device.log.start();
  await cluster.settleUntil(() => device.log.ready);
  device.ownLog.write("a", "1");
  const { witnessed } = await cluster.settle(device.log.flush(never));
  assert.equal(witnessed, false);
  for (const at of [0, 1, 2]) cluster.setOnline(at, true);
  assert.ok((await cluster.settle(device.log.flush(never))).witnessed);
  await device.log.stop();
});

test("a member alone witnesses itself, and ships what it has when others join", async () => {
  const cluster = new WitnessCluster(0);
  const device = await cluster.started();
  assert.ok(await write(cluster, device, "a", "1"));
  assert.equal(device.ownLog.position().sequence, 1);
  await device.log.stop();
});

test("a laggard is filled with all it lacks, entry by entry", async () => {
  const cluster = new WitnessCluster(4);
  const device = await cluster.started();
  cluster.setOnline(3, false);
  for (let at = 0; at < 20; at++) assert.ok(await write(cluster, device, "a", String(at)));
  assert.equal(sequences(cluster)[3], 0);
  cluster.setOnline(3, true);
  await cluster.settleUntil(() => sequences(cluster)[3] === 20);
  await device.log.stop();
});

/** A copy of a device's disk as it is now. */
function imageOf({ ownLog }: Device): MemoryOwnLog {
  return ownLog.clone();
}

test("an old image of the disk catches up before anything is written, and loses nothing", async () => {
  const cluster = new WitnessCluster(4);
  const device = await cluster.started();
  assert.ok(await write(cluster, device, "a", "1"));
  const image = imageOf(device);
  assert.ok(await write(cluster, device, "a", "2"));
  assert.ok(await write(cluster, device, "b", "3"));
  await device.log.stop();
  const old = await cluster.started(image);
  assert.deepEqual([...old.ownLog.rows()], [...device.ownLog.rows()]);
  assert.ok(await write(cluster, old, "c", "4"));
  await old.log.stop();
});

test("an old image with a change that waited is restored, since that change has its place in the log already", async () => {
  const cluster = new WitnessCluster(4);
  const device = await cluster.started();
  assert.ok(await write(cluster, device, "a", "1"));
  device.ownLog.write("a", "2");
  const image = imageOf(device);
  assert.ok((await cluster.settle(device.log.flush(never))).witnessed);
  assert.ok(await write(cluster, device, "b", "3"));
  await device.log.stop();
  const old = await cluster.started(image);
  assert.deepEqual([...old.ownLog.rows()], [...device.ownLog.rows()]);
  await old.log.stop();
});

test("a device whose log went on elsewhere stops, and makes no second head for one place", async () => {
  const cluster = new WitnessCluster(4);
  const device = await cluster.started();
  assert.ok(await write(cluster, device, "a", "1"));
  const image = imageOf(device);
  assert.ok(await write(cluster, device, "a", "2"));
  await device.log.stop();
  // An entry made without having asked, as a broken release might.
  const lost = new WitnessCluster(0);
  lost.deviceKeys.push(...cluster.deviceKeys);
  const rogue = await lost.started(image);
  assert.ok(await write(lost, rogue, "b", "other"));
  await rogue.log.stop();
  const forked = cluster.device(image);
  forked.log.start();
  await cluster.settleUntil(() => forked.log.state === "forked");
  assert.deepEqual(await forked.log.flush(never), { witnessed: false, reason: "forked" });
  await forked.log.stop();
});

test("a replaced device is fenced off, also one that runs", async () => {
  const cluster = new WitnessCluster(4);
  const device = await cluster.started();
  assert.ok(await write(cluster, device, "a", "1"));
  const { device: next, decision } = await cluster.recover();
  assert.ok(!decision.mayBeStale);
  assert.deepEqual([...next.ownLog.rows()], [["a", "1"]]);
  device.ownLog.write("a", "2");
  const flush = device.log.flush(never);
  assert.equal((await cluster.settle(flush)).witnessed, false);
  assert.equal(device.log.state, "fenced");
  const again = await cluster.started(next.ownLog, { epoch: 2 });
  assert.ok(await write(cluster, again, "b", "3"));
  await Promise.all([device.log.stop(), again.log.stop()]);
});

test("a device that its own membership log calls replaced stops at once, and does not start again", async () => {
  const cluster = new WitnessCluster(4);
  const device = await cluster.started();
  assert.ok(await write(cluster, device, "a", "1"));
  await cluster.recover();
  cluster.replacementIsKnown = true;
  cluster.setOnline(0, true);
  assert.equal(device.log.state, "fenced");
  await device.log.stop();
  const again = cluster.device(device.ownLog, { epoch: 1 });
  again.log.start();
  await cluster.settleUntil(() => again.log.state === "fenced");
  await again.log.stop();
});

test("a checkpoint folds the deltas at witnesses and owner, and what is restored from it is the content", async () => {
  const cluster = new WitnessCluster(4);
  const device = await cluster.started();
  for (let at = 0; at < 30; at++) assert.ok(await write(cluster, device, `key-${at}`, "x"));
  await cluster.settle(device.log.checkpoint(never));
  assert.ok(await write(cluster, device, "after", "y"));
  await cluster.run(1_000);
  assert.equal(device.ownLog.entries(1, 1)[0]?.kind, "checkpoint");
  assert.equal(device.log.view().checkpointSequence, 31);
  const { device: next } = await cluster.recover();
  assert.deepEqual([...next.ownLog.rows()], [...device.ownLog.rows()]);
  await device.log.stop();
});

test("what is committed while a checkpoint is stored is in it or behind it", async () => {
  const cluster = new WitnessCluster(4);
  const device = await cluster.started();
  assert.ok(await write(cluster, device, "a", "1"));
  const gate = Promise.withResolvers<void>();
  cluster.checkpoints.gate = () => gate.promise;
  const making = device.log.checkpoint(never);
  assert.ok(await write(cluster, device, "b", "2"));
  assert.ok(await write(cluster, device, "a", "3"));
  gate.resolve();
  await cluster.settle(making);
  device.ownLog.write("c", "4");
  assert.ok((await cluster.settle(device.log.flush(never))).witnessed);
  const { device: next } = await cluster.recover();
  assert.deepEqual([...next.ownLog.rows()], [...device.ownLog.rows()]);
  await device.log.stop();
});

test("a second checkpoint takes the first one's place, whose fragments go once a quorum has it", async () => {
  const cluster = new WitnessCluster(4);
  const device = await cluster.started();
  assert.ok(await write(cluster, device, "a", "1"));
  await cluster.settle(device.log.checkpoint(never));
  assert.ok((await cluster.settle(device.log.flush(never))).witnessed);
  for (const at of [0, 1]) cluster.setOnline(at, false);
  await cluster.settle(device.log.checkpoint(never));
  await cluster.run(5_000);
  assert.equal(cluster.checkpoints.stored.size, 2);
  cluster.setOnline(0, true);
  await cluster.settleUntil(() => cluster.checkpoints.stored.size === 1);
  cluster.setOnline(1, true);
  await cluster.settleUntil(() => sequences(cluster).every((sequence) => sequence === 3));
  const { device: next } = await cluster.recover();
  assert.deepEqual([...next.ownLog.rows()], [["a", "1"]]);
  await device.log.stop();
});

test("with too few holders there is no checkpoint, and deltas go on", async () => {
  const cluster = new WitnessCluster(4);
  const device = await cluster.started();
  cluster.checkpoints.enough = false;
  assert.ok(await write(cluster, device, "a", "1"));
  await assert.rejects(cluster.settle(device.log.checkpoint(never)), { code: "peer-unreachable" });
  assert.ok(await write(cluster, device, "a", "2"));
  assert.equal(device.log.view().checkpointSequence, 0);
  await device.log.stop();
});

test("a witness that says more than it knows, or that everybody is fenced, changes nothing", async () => {
  const cluster = new WitnessCluster(4);
  const [liar] = cluster.witnesses;
  assert.ok(liar !== undefined);
  const device = await cluster.started();
  assert.ok(await write(cluster, device, "a", "1"));
  await device.log.stop();
  liar.lie = (request) => {
    const message = { type: "refused", code: "fenced", retryAfterMs: 0, message: "" } as const;
    return decodeLogRequest(request.frame).type === "witness-head"
      ? Promise.resolve({ frame: encodeLogResponse(message), body: [] })
      : undefined;
  };
  const again = await cluster.started(device.ownLog);
  assert.ok(await write(cluster, again, "a", "2"));
  await again.log.stop();
});

test("a witness that shows an old head and keeps its entries back does not keep a recovery from the newest", async () => {
  const cluster = new WitnessCluster(4);
  const device = await cluster.started();
  assert.ok(await write(cluster, device, "a", "1"));
  const [liar] = cluster.witnesses;
  assert.ok(liar !== undefined);
  liar.lie = (request) =>
    decodeLogRequest(request.frame).type === "witness-entries"
      ? Promise.resolve({ frame: encodeLogResponse({ type: "witness-entries", entries: [] }), body: [] })
      : undefined;
  for (let at = 0; at < 5; at++) assert.ok(await write(cluster, device, "b", String(at)));
  const { device: next } = await cluster.recover();
  assert.deepEqual([...next.ownLog.rows()], [...device.ownLog.rows()]);
  await device.log.stop();
});

test("a recovery with too few answers says that it may be stale", async () => {
  const cluster = new WitnessCluster(4);
  const device = await cluster.started();
  assert.ok(await write(cluster, device, "a", "1"));
  await device.log.stop();
  for (const at of [0, 1]) cluster.setOnline(at, false);
  const { decision } = await cluster.recover();
  assert.ok(decision.mayBeStale);
  assert.equal(decision.missing, 1);
});

for (const crashAt of metadataLogCrashPoints) {
  test(`a power cut at ${crashAt} loses nothing that was flushed and makes no second head`, async () => {
    const cluster = new WitnessCluster(4, crashAt);
    const first = await cluster.started(new MemoryOwnLog(), { crashAt });
    let device = first;
    let flushed = 0;
    for (let count = 1; count <= 6; count++) {
      device.ownLog.write("count", String(count));
      const cut = (): { witnessed: boolean } => ({ witnessed: false });
      const { witnessed } = await cluster.settle(device.log.flush(never).catch(cut));
      if (witnessed) flushed = count;
      // A cut ends what is under way: with the fault of a stopped log, or with the cut itself.
      if (count === 2 || count === 4) await cluster.settle(device.log.checkpoint(never).catch(() => undefined));
      await cluster.run(3_000);
      if (device === first && first.crashes() > 0) device = await cluster.started(first.ownLog);
      assert.ok(Number(device.ownLog.rows().get("count") ?? 0) >= flushed);
    }
    assert.ok(first.crashes() > 0, "the crash point was passed");
    assert.ok((await cluster.settle(device.log.flush(never))).witnessed);
    const { device: next, decision } = await cluster.recover();
    assert.ok(!decision.forked);
    assert.deepEqual([...next.ownLog.rows()], [["count", "6"]]);
    await device.log.stop();
  });
}

test("a restore that was cut off after its snapshot goes on when the device starts again", async () => {
  const cluster = new WitnessCluster(4);
  const device = await cluster.started();
  assert.ok(await write(cluster, device, "a", "1"));
  const gate = Promise.withResolvers<void>();
  cluster.checkpoints.gate = () => gate.promise;
  const making = device.log.checkpoint(never);
  assert.ok(await write(cluster, device, "b", "2"));
  gate.resolve();
  await cluster.settle(making);
  assert.ok(await write(cluster, device, "c", "3"));
  await device.log.stop();
  const next = cluster.device(new MemoryOwnLog(), { epoch: 2 });
  const options = cluster.recoveryOptions(next);
  const decision = await cluster.settle(recoverHead(options, never));
  const apply = next.ownLog.apply.bind(next.ownLog);
  next.ownLog.apply = () => {
    throw new RangeError("the power was cut");
  };
  await assert.rejects(cluster.settle(restoreBest(options, next.ownLog, decision, never)), RangeError);
  assert.deepEqual([...next.ownLog.rows()], [["a", "1"]]);
  next.ownLog.apply = apply;
  const again = await cluster.started(next.ownLog, { epoch: 2 });
  assert.deepEqual([...again.ownLog.rows()], [...device.ownLog.rows()]);
  assert.ok(await write(cluster, again, "d", "4"));
  await cluster.settleUntil(() => sequences(cluster).every((sequence) => sequence === 5));
  await again.log.stop();
});

test("a migration, of which no delta tells, is followed by a checkpoint", async () => {
  const cluster = new WitnessCluster(4);
  const first = await cluster.started();
  assert.ok(await write(cluster, first, "a", "1"));
  await first.log.stop();
  first.ownLog.checkpointDue = true;
  const next = await cluster.started(first.ownLog);
  await cluster.settleUntil(() => next.ownLog.position().checkpoint > 0);
  assert.ok(!next.ownLog.checkpointDue);
  await next.log.stop();
});

test("entries under a former key are followed by a checkpoint under the new one, and by no second", async () => {
  const cluster = new WitnessCluster(4);
  const device = await cluster.started();
  assert.ok(await write(cluster, device, "a", "1"));
  cluster.keyEpoch = 2;
  assert.ok(await write(cluster, device, "b", "2"));
  await cluster.settleUntil(() => device.ownLog.position().checkpoint > 0);
  const { checkpoint } = device.ownLog.position();
  assert.ok(await write(cluster, device, "c", "3"));
  await cluster.run(60_000);
  assert.equal(device.ownLog.position().checkpoint, checkpoint);
  await device.log.stop();
});
