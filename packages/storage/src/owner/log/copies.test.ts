import assert from "node:assert/strict";
import { test } from "node:test";
import { deriveOwnerKeys, newPhrase, parsePhrase, sealPhraseSlot, verifySealedSlot } from "@piccolo/envelope";
import { SeededWorld } from "@piccolo/world";
import { WitnessCluster } from "../../../test-support/witness-cluster.ts";
import { MemoryOwnLog, MemoryVault } from "../../fakes/index.ts";
import { createMetadataLog, spreadSlot } from "./index.ts";

const never = new AbortController().signal;

test("central gets a copy of every entry in the background, and its absence holds up nothing", async () => {
  const cluster = new WitnessCluster(3);
  const vault = new MemoryVault();
  const { options, ownLog } = cluster.device(new MemoryOwnLog());
  const log = createMetadataLog({ ...options, vault });
  vault.reachable = false;
  log.start();
  await cluster.settleUntil(() => log.ready);
  for (const value of ["1", "2", "3"]) {
    ownLog.write("a", value);
    assert.ok((await cluster.settle(log.flush(never))).witnessed);
  }
  vault.reachable = true;
  await cluster.settleUntil(() => vault.kept.length === 3);
  ownLog.write("a", "4");
  assert.ok((await cluster.settle(log.flush(never))).witnessed);
  await cluster.settleUntil(() => vault.kept.length === 4);
  assert.deepEqual(
    vault.kept.map(({ sequence }) => sequence),
    [1, 2, 3, 4],
  );
  await log.stop();
});

test("a slot goes to every member and to central, and counts when a quorum keeps it", async () => {
  const world = new SeededWorld("spread");
  const root = new Uint8Array(32).fill(5);
  const keys = deriveOwnerKeys(root, 1);
  const cluster = new WitnessCluster(4, "spread", keys.account);
  const vault = new MemoryVault();
  const { options } = cluster.device(new MemoryOwnLog());
  const slot = (number: number): Uint8Array =>
    sealPhraseSlot({
      root,
      phrase: parsePhrase(newPhrase(new SeededWorld("words")).join(" ")),
      ownerKeys: keys,
      chain: { firstOwnerPublicKey: keys.ownerPublicKey, rotations: [] },
      details: { networks: [], previousRoots: [] },
      number,
      world,
    });
  const members = options.witnesses().map(({ account }) => account);
  const spread = (bytes: Uint8Array): ReturnType<typeof spreadSlot> =>
    cluster.settle(spreadSlot({ ...options, vault, members, witnesses: options.witnesses() }, bytes, never));
  const all = await spread(slot(1));
  assert.deepEqual([all.keptBy.length, all.isWitnessed, vault.slots.length], [4, true, 1]);
  for (const at of [0, 1]) cluster.setOnline(at, false);
  const some = await spread(slot(2));
  assert.deepEqual([some.keptBy.length, some.isWitnessed], [2, false]);
  for (const at of [0, 1]) cluster.setOnline(at, true);
  const older = await spread(slot(1));
  assert.ok(!older.isWitnessed, "an older slot takes nobody's place");
  const numbers = older.newer.map((bytes) => verifySealedSlot(bytes).number);
  assert.deepEqual(numbers, [1, 1, 2, 2], "what they keep in its place is shown");
});
