import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "@piccolo/bytes";
import fc from "fast-check";
import { type Device, WitnessCluster } from "../../../test-support/witness-cluster.ts";
import { MemoryOwnLog } from "../../fakes/index.ts";
import { quorumOf } from "../../log/index.ts";
import { type MetadataLogCrashPoint, metadataLogCrashPoints } from "./index.ts";

const never = new AbortController().signal;

type Step =
  | { readonly type: "write" | "checkpoint" | "stop" }
  | { readonly type: "online"; readonly at: number; readonly online: boolean }
  | { readonly type: "corrupt" | "restart"; readonly at: number }
  | { readonly type: "crash"; readonly point: MetadataLogCrashPoint }
  | { readonly type: "lose"; readonly kind: "drop" | "lose-response" | "refuse"; readonly every: number }
  | { readonly type: "image"; readonly back: boolean };

const at = fc.nat(6);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.constant({ type: "write" as const }) },
  { weight: 1, arbitrary: fc.constantFrom({ type: "checkpoint" as const }, { type: "stop" as const }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("online" as const), at, online: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom("corrupt" as const, "restart" as const), at }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("crash" as const), point: fc.constantFrom(...metadataLogCrashPoints) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("lose" as const),
      kind: fc.constantFrom("drop" as const, "lose-response" as const, "refuse" as const),
      every: fc.integer({ min: 2, max: 5 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("image" as const), back: fc.boolean() }) },
);

/** One run: what was promised, and whether witnesses that do not lie ever kept two heads for one place. */
class Run {
  readonly cluster: WitnessCluster;
  readonly promised = new Map<string, string>();
  readonly #seen = new Map<string, string>();
  readonly #corrupt = new Set<number>();
  #device: Device | undefined;
  #image: MemoryOwnLog | undefined;
  #written = 0;

  constructor(witnesses: number, seed: number) {
    this.cluster = new WitnessCluster(witnesses, `schedule-${seed}`);
  }

  async #running(crashAt?: MetadataLogCrashPoint): Promise<Device | undefined> {
    const ownLog = this.#device?.ownLog ?? new MemoryOwnLog();
    if (this.#device !== undefined && crashAt === undefined && this.#device.crashes() === 0) {
      return this.#device.log.ready ? this.#device : undefined;
    }
    if (this.#device !== undefined) await this.cluster.settle(this.#device.log.stop());
    this.#device = this.cluster.device(ownLog, crashAt === undefined ? {} : { crashAt });
    this.#device.log.start();
    await this.cluster.run(2_000);
    return this.#device.log.ready ? this.#device : undefined;
  }

  async take(step: Step): Promise<void> {
    const { cluster } = this;
    const count = cluster.witnesses.length;
    switch (step.type) {
      case "write": {
        const device = await this.#running();
        if (device === undefined) break;
        const [key, value] = [`key-${this.#written % 5}`, String(++this.#written)];
        device.ownLog.write(key, value);
        const flushed = device.log.flush(never).catch(() => ({ witnessed: false }));
        if ((await cluster.settle(flushed)).witnessed) this.promised.set(key, value);
        break;
      }
      case "checkpoint":
        await cluster.settle(
          (await this.#running())?.log.checkpoint(never).catch(() => undefined) ?? Promise.resolve(),
        );
        break;
      case "stop":
      case "crash":
        await this.#running(step.type === "crash" ? step.point : "checkpoint-stored");
        break;
      case "online":
        cluster.setOnline(step.at % count, step.online);
        break;
      case "restart":
        cluster.witnesses[step.at % count]?.store.crash();
        break;
      case "corrupt":
        this.#corruptOne(step.at % count);
        break;
      case "lose": {
        let asked = 0;
        cluster.network.interfere = () => (asked++ % step.every === 0 ? { type: step.kind } : undefined);
        break;
      }
      case "image":
        await this.#useImage(step.back);
        break;
    }
    this.#look();
  }

  #corruptOne(at: number): void {
    const { faulty } = quorumOf(this.cluster.witnesses.length);
    if (this.#corrupt.size >= faulty) return;
    this.#corrupt.add(at);
    this.cluster.corrupt(at);
  }

  /** The device's disk is kept as an image, or the image takes its place; only what is witnessed may then be missing. */
  async #useImage(back: boolean): Promise<void> {
    const device = this.#device;
    if (device === undefined) return;
    const { sequence, witnessed } = device.ownLog.position();
    if (!back) this.#image = device.ownLog.clone();
    // An entry that single witnesses alone have heard of would make the image a second author of its place.
    if (!back || this.#image === undefined || witnessed < sequence) return;
    await this.cluster.settle(device.log.stop());
    this.#device = this.cluster.device(this.#image.clone());
    this.#device.log.start();
    await this.cluster.run(2_000);
  }

  #look(): void {
    for (const [witness, head] of this.cluster.heads().entries()) {
      if (head === undefined || this.#corrupt.has(witness)) continue;
      const place = `${head.head.deviceEpoch}:${head.head.sequence}`;
      const hash = toHex(head.hash);
      assert.equal(this.#seen.get(place) ?? hash, hash, `two heads for ${place}`);
      this.#seen.set(place, hash);
    }
  }

  async end(): Promise<void> {
    const { cluster } = this;
    cluster.network.interfere = () => undefined;
    await cluster.settle(this.#device?.log.stop() ?? Promise.resolve());
    // A quorum and nobody else answers, those that lie among them.
    const count = cluster.witnesses.length;
    const order = Array.from({ length: count }, (_, index) => ({ index, place: cluster.world.randomBytes(1)[0] ?? 0 }));
    order.sort((a, b) => Number(this.#corrupt.has(b.index)) - Number(this.#corrupt.has(a.index)) || a.place - b.place);
    for (const [place, { index }] of order.entries()) cluster.setOnline(index, place < quorumOf(count).quorum);
    const { device, decision } = await cluster.recover();
    assert.ok(!decision.forked && !decision.mayBeStale);
    for (const [key, value] of this.promised) {
      const recovered = device.ownLog.rows().get(key);
      assert.ok(Number(recovered) >= Number(value), `${key} is ${recovered}, ${value} was promised`);
    }
    for (const index of cluster.witnesses.keys()) cluster.setOnline(index, true);
    const again = await cluster.started(device.ownLog, { epoch: device.epoch });
    again.ownLog.write("last", "1");
    assert.ok((await cluster.settle(again.log.flush(never))).witnessed);
    await again.log.stop();
  }
}

test("what was witnessed is restored, and no place has two heads, whatever crashes, lies and gets lost", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(1, 2, 3, 4, 7),
      fc.nat(1_000_000),
      fc.array(anyStep, { minLength: 5, maxLength: 40 }),
      async (witnesses, seed, steps) => {
        const run = new Run(witnesses, seed);
        for (const step of steps) await run.take(step);
        await run.end();
      },
    ),
    { numRuns: 60 },
  );
});
