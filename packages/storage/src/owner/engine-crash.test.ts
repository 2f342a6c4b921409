import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MortalOwner } from "../../test-support/mortal-owner.ts";
import { readAll, until, writeVersion } from "../../test-support/small-network.ts";
import { pattern } from "../suites/suite.ts";
import { extentPlainBytes, type OwnerEngine } from "./index.ts";

const never = new AbortController().signal;

type Step =
  | { readonly step: "write"; readonly bytes: number }
  | { readonly step: "remove" }
  | { readonly step: "offline"; readonly holders: number }
  | { readonly step: "upkeep" };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    arbitrary: fc.record({ step: fc.constant("write" as const), bytes: fc.integer({ min: 1, max: 90_000 }) }),
    weight: 4,
  },
  { arbitrary: fc.constant({ step: "remove" as const }), weight: 2 },
  { arbitrary: fc.record({ step: fc.constant("offline" as const), holders: fc.nat(4) }), weight: 2 },
  { arbitrary: fc.constant({ step: "upkeep" as const }), weight: 2 },
);

async function settled(owner: MortalOwner): Promise<void> {
  const { metadata, network } = owner;
  for (const holder of network.holders) holder.online = true;
  network.engine.start();
  await until("everything placed and removed, or dead", () => {
    if (owner.isDead) return true;
    const open = (["pending", "under-placed", "dead"] as const).flatMap((state) => metadata.segmentsIn(state, 100));
    return open.length === 0 && network.engine.spool().usedBytes === 0;
  });
}

/** One acknowledged version. */
interface Kept {
  readonly versionId: Uint8Array;
  readonly content: Uint8Array;
}

async function perform(owner: MortalOwner, steps: readonly Step[], kept: Kept[]): Promise<void> {
  for (const [number, step] of steps.entries()) {
    const { engine, holders } = owner.network;
    if (step.step === "write") {
      const content = pattern(step.bytes, number);
      kept.push({ versionId: await writeVersion(engine, content), content });
    } else if (step.step === "remove") {
      const first = kept.shift();
      if (first !== undefined) engine.removeVersion(first.versionId);
    } else if (step.step === "offline") {
      for (const [at, holder] of holders.entries()) holder.online = at >= step.holders;
    } else {
      await owner.restart(true);
      await settled(owner);
      if (!owner.isDead) await owner.restart(true);
    }
    if (owner.isDead) return;
  }
}

async function readsBack(engine: OwnerEngine, kept: readonly Kept[]): Promise<void> {
  for (const { versionId, content } of kept) {
    assert.ok((await readAll(engine, versionId, { start: 0, end: content.length })).equals(content));
  }
}

async function survivesCrash(steps: readonly Step[], crashAfter: number, survives: boolean): Promise<MortalOwner> {
  const owner = new MortalOwner(crashAfter, survives);
  await owner.start();
  const kept: Kept[] = [];
  try {
    await perform(owner, steps, kept);
  } catch (error) {
    if (!owner.isDead) throw error;
  }
  const engine = await owner.restart(false);
  try {
    for (const holder of owner.network.holders) holder.online = true;
    await readsBack(engine, kept);
    await settled(owner);
    await readsBack(engine, kept);
    for (const { versionId } of kept) {
      assert.equal(engine.placementState(versionId), "durable");
      assert.ok(engine.describe(versionId).segments.every(({ placed }) => placed.length === 4));
    }
    assert.deepEqual(await owner.disk.list("spool"), []);
  } finally {
    await engine.stop();
  }
  return owner;
}

test("wherever the power goes, acknowledged versions are read back and become durable, and the spool empties", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyStep, { minLength: 1, maxLength: 6 }),
      fc.nat(20),
      fc.boolean(),
      async (steps, crashAfter, survives) => {
        await survivesCrash(steps, crashAfter, survives);
      },
    ),
    { numRuns: 60 },
  );
});

test("a life in which every crash point is passed survives a cut at each of them", async () => {
  const life: readonly Step[] = [
    { step: "write", bytes: 1_000 },
    { step: "offline", holders: 3 },
    { step: "write", bytes: 2_000 },
    { step: "upkeep" },
    { step: "remove" },
    { step: "upkeep" },
  ];
  const whole = await survivesCrash(life, Number.MAX_SAFE_INTEGER, false);
  const names = [...new Set(whole.passed)];
  assert.deepEqual(names.toSorted(), [
    "after-extent-commit",
    "after-fragment-removal",
    "before-extent-commit",
    "before-fragment-removal",
    "fragments-stored",
    "segment-drained",
    "segment-sealed",
    "segment-spooled",
  ]);
  for (const name of names) {
    for (const survives of [false, true]) await survivesCrash(life, whole.passed.indexOf(name), survives);
  }
});

test("a write whose device lost power goes on exactly at the extents that were committed", async () => {
  const content = pattern(extentPlainBytes + 5_000);
  for (const crashAfter of [1, 3, 5, 7]) {
    const owner = new MortalOwner(crashAfter, false);
    await owner.start();
    const { versionId } = owner.network.engine.beginVersion();
    const writer = owner.network.engine.writer(versionId, never);
    await assert.rejects(async () => {
      await writer.write(content);
      await writer.finish();
    });
    const commits = owner.passed.filter((name) => name === "after-extent-commit").length;
    const engine = await owner.restart(false);
    try {
      const committed = engine.committedBytes(versionId);
      assert.equal(committed, [0, extentPlainBytes, content.length][commits]);
      const again = engine.writer(versionId, never);
      await again.write(content.subarray(committed));
      await again.finish();
      engine.completeVersion(versionId, content.length);
      assert.ok((await readAll(engine, versionId, { start: 0, end: content.length })).equals(content));
    } finally {
      await engine.stop();
    }
  }
});
