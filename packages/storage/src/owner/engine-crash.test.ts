import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PoweredDisk } from "../../test-support/powered-disk.ts";
import { makeSmallNetwork, readAll, type SmallNetwork, until, writeVersion } from "../../test-support/small-network.ts";
import { CrashDisk, MemoryMetadata } from "../fakes/index.ts";
import { fixedPolicy } from "../policy/index.ts";
import { transportFaults } from "../ports/index.ts";
import { pattern } from "../suites/suite.ts";
import { extentPlainBytes, type OwnerEngine, type OwnerEngineCrashPoint } from "./index.ts";

const never = new AbortController().signal;

/** An owner's device whose process ends at a chosen crash point: from then on nothing it does reaches anything. */
class MortalOwner {
  readonly metadata = new MemoryMetadata();
  readonly disk = new CrashDisk();
  readonly #powered = new PoweredDisk(this.disk);
  readonly #survives: boolean;
  readonly passed: OwnerEngineCrashPoint[] = [];
  #left: number;
  #isDead = false;
  #network: SmallNetwork | undefined;

  constructor(crashAfter: number, survives: boolean) {
    this.#left = crashAfter;
    this.#survives = survives;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get network(): SmallNetwork {
    assert.ok(this.#network !== undefined);
    return this.#network;
  }

  async start(): Promise<void> {
    const network = await makeSmallNetwork({
      policy: fixedPolicy({ k: 2, n: 4 }),
      holderCount: 4,
      spoolDisk: this.#powered,
      metadata: new Proxy(this.metadata, {
        get: (metadata, name) => {
          if (this.#isDead) throw new Error("the power is off");
          const member: unknown = Reflect.get(metadata, name);
          return typeof member === "function" ? (member.bind(metadata) as unknown) : member;
        },
      }),
      crashPoint: (name) => this.#pass(name),
    });
    for (const holder of network.holders) {
      holder.gate = () =>
        this.#isDead
          ? Promise.reject(transportFaults.fault("peer-unreachable", "the asking device has no power"))
          : Promise.resolve();
    }
    this.#network = network;
  }

  #pass(name: OwnerEngineCrashPoint): void {
    this.passed.push(name);
    if (!this.#isDead && this.#left-- === 0) {
      this.#isDead = true;
      this.#powered.cut(() => this.#survives);
    }
    if (this.#isDead) throw new Error(`the power was cut at ${name}`);
  }

  /** Starts the program again, after a crash or an orderly stop; with the crash still to come where `mortal`. */
  async restart(mortal: boolean): Promise<OwnerEngine> {
    // The old program has to be over before its successor may reach the metadata.
    await this.network.engine.stop();
    if (this.#isDead) this.#powered.restore();
    this.#isDead = false;
    if (!mortal) this.#left = Number.MAX_SAFE_INTEGER;
    return this.network.reopen();
  }
}

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
