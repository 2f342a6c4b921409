import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { MemoryBoot } from "../../test-support/memory-boot.ts";
import { MemoryDeployments } from "../../test-support/memory-deployments.ts";
import { DurableFolder } from "../adapters/state-folder.ts";
import { bootControlFaults } from "./boot-control.ts";
import { collectReleases } from "./collect.ts";
import { LastGoodStart } from "./last-good-start.ts";
import { networkPatienceMs, patienceMs, type VolumeOutcome } from "./probation.ts";
import { attemptsMax, ReleaseKeeper } from "./release-keeper.ts";
import { ReleaseTrials } from "./release-trials.ts";

const open: VolumeOutcome = { state: "open" };
const closed = (code: string): VolumeOutcome => ({ state: "closed", codes: [code] });

const numberOf = (entry = ""): number => Number(/\d+/.exec(entry)?.[0] ?? 0);

/** A device with releases 1 to 3 that work and 4 on probation, whose clock goes on while somebody waits. */
class Device {
  readonly boot = new MemoryBoot();
  readonly lastGoodStart: LastGoodStart;
  readonly trials: ReleaseTrials;
  readonly deployments: MemoryDeployments;
  readonly done: string[] = [];
  readonly events: string[] = [];
  answers = true;
  volume: VolumeOutcome | undefined = open;
  hasWayOut = true;
  nowMs = 0;
  /** Called before each step that changes something. */
  step: (name: string) => void = () => undefined;
  /** Called at each waiting. */
  wait: () => void = () => undefined;

  constructor(context: TestContext) {
    const folder = mkdtempSync(join(tmpdir(), "keeper-"));
    context.after(() => rmSync(folder, { recursive: true }));
    this.lastGoodStart = new LastGoodStart(new DurableFolder(folder));
    this.trials = new ReleaseTrials(new DurableFolder(folder));
    this.deployments = new MemoryDeployments(
      () => new Map([1, 2, 3, 4, 5].map((id) => [String(id).repeat(64), { version: `${id}`, signed: true }])),
    );
  }

  static async started(context: TestContext): Promise<Device> {
    const device = new Device(context);
    for (const id of [1, 2, 3, 4]) {
      await device.deployments.stage({ id: String(id), branch: "piccolo/x86_64/beta", commit: String(id).repeat(64) });
      await device.boot.install({
        id: `piccolo-${id}.efi`,
        content: new Uint8Array(1),
        tries: 2,
        prediction: undefined,
      });
      if (id < 4) await device.boot.bless(`piccolo-${id}.efi`);
    }
    device.boot.start();
    return device;
  }

  keeper(): ReleaseKeeper {
    const stepped = async (name: string, work: () => Promise<unknown>): Promise<void> => {
      this.step(name);
      await work();
      this.done.push(name);
    };
    const boot = Object.assign(Object.create(this.boot) as MemoryBoot, {
      choice: () => this.boot.choice(),
      bless: (id: string) => stepped(`bless ${id}`, () => this.boot.bless(id)),
      remove: (id: string) => stepped(`remove ${id}`, () => this.boot.remove(id)),
    });
    const deployments = {
      list: () => this.deployments.list(),
      stage: this.deployments.stage.bind(this.deployments),
      undeploy: (id: string) => stepped(`undeploy ${id}`, () => this.deployments.undeploy(id)),
      collect: () => stepped("collect", () => this.deployments.collect()),
    };
    return new ReleaseKeeper({
      boot,
      collect: () => collectReleases({ boot, deployments }, { staging: [], spare: 1 }),
      version: `0.${numberOf(this.boot.booted)}.0`,
      lastGoodStart: this.lastGoodStart,
      trials: this.trials,
      world: {
        nowMs: () => Date.UTC(2026, 0) + this.nowMs,
        monotonicMs: () => this.nowMs,
        sleep: async (ms, signal) => {
          this.nowMs += ms;
          this.wait();
          signal?.throwIfAborted();
        },
      },
      answers: async () => this.answers,
      volume: () => this.volume,
      hasWayOut: () => this.hasWayOut,
      restart: () => stepped("restart", async () => undefined),
      raiseMinimum: () => stepped("raise", async () => undefined),
      report: (_level, event) => this.events.push(event),
    });
  }

  run(): Promise<void> {
    return this.keeper().run(AbortSignal.any([]));
  }

  async left(): Promise<readonly (readonly string[])[]> {
    const { entries } = await this.boot.choice();
    const deployments = await this.deployments.list();
    return [entries.map(({ id, state }) => `${id} ${state}`), deployments.map(({ id }) => id)];
  }
}

const whole = [
  ["piccolo-4.efi good", "piccolo-3.efi good"],
  ["4", "3"],
];

test("a release that works is blessed, those before the one before it go, and then the minimum is raised", async (context) => {
  const device = await Device.started(context);
  await device.run();
  assert.equal(device.done[0], "bless piccolo-4.efi");
  assert.equal(device.done.at(-1), "raise");
  assert.deepEqual(await device.left(), whole);
  assert.deepEqual(device.lastGoodStart.read(), { ...open, hadWayOut: true });
});

test("cut off before any step, the next start ends at the same", async (context) => {
  const steps: string[] = [];
  const first = await Device.started(context);
  first.step = (name) => steps.push(name);
  await first.run();
  for (const at of steps.keys()) {
    const device = await Device.started(context);
    let count = 0;
    device.step = () => {
      if (count++ === at) throw new Error("the power was cut");
    };
    await assert.rejects(device.run(), /power was cut/);
    device.step = () => undefined;
    device.done.length = 0;
    device.boot.start();
    await device.run();
    assert.deepEqual(await device.left(), whole, `cut before ${steps[at]}`);
    assert.equal(device.done.at(-1), "raise");
    assert.equal(device.boot.booted, "piccolo-4.efi");
  }
});

test("a release that never works has the machine started again until the one before is back, which then tidies up", async (context) => {
  const device = await Device.started(context);
  device.lastGoodStart.write(open);
  device.volume = closed("tpm-policy");
  const started: (string | undefined)[] = [];
  for (let starts = 0; starts < 2; starts += 1) {
    started.push(device.boot.booted);
    await device.run();
    assert.ok(device.nowMs >= patienceMs);
    device.nowMs = 0;
    device.boot.start();
  }
  assert.deepEqual([...started, device.boot.booted], ["piccolo-4.efi", "piccolo-4.efi", "piccolo-3.efi"]);
  assert.deepEqual(device.done, ["restart", "restart"]);
  device.volume = open;
  // Told before it is removed, and after it was.
  const told: unknown[] = [];
  device.step = () => told.push(device.trials.failed);
  await device.run();
  assert.deepEqual(await device.left(), [
    ["piccolo-3.efi good", "piccolo-2.efi good"],
    ["3", "2"],
  ]);
  const failed = {
    number: 4,
    version: "0.4.0",
    triedSinceMs: Date.UTC(2026, 0),
    foundAtMs: Date.UTC(2026, 0),
    why: "volume-closed",
  };
  assert.ok(told.length > 0);
  for (const each of [...told, device.trials.failed]) assert.deepEqual(each, failed);
  await device.run();
  assert.deepEqual(device.trials.failed, failed, "after a restart, too");
});

test("a release that does not live is told of without words of its own, and a later one that works ends that", async (context) => {
  const device = await Device.started(context);
  // The two starts of release 4 end before anything is written.
  device.boot.start();
  device.boot.start();
  assert.equal(device.boot.booted, "piccolo-3.efi");
  await device.run();
  assert.deepEqual(device.trials.failed, { number: 4, foundAtMs: Date.UTC(2026, 0), why: "unknown" });
  await device.deployments.stage({ id: "5", branch: "piccolo/x86_64/beta", commit: "5".repeat(64) });
  await device.boot.install({ id: "piccolo-5.efi", content: new Uint8Array(1), tries: 2, prediction: undefined });
  device.boot.start();
  device.done.length = 0;
  device.step = () => assert.equal(device.trials.failed?.number, device.done.length === 0 ? 4 : undefined);
  await device.run();
  assert.equal(device.done[0], "bless piccolo-5.efi");
  assert.equal(device.trials.failed, undefined);
});

test("a disk that keeps no notes of trials keeps no release from its place, or from giving it up", async (context) => {
  for (const volume of [open, closed("tpm-policy")]) {
    const device = await Device.started(context);
    device.volume = volume;
    device.trials.look = () => assert.fail(Object.assign(new Error("no room"), { errno: -28 }));
    device.trials.gaveUp = () => assert.fail(Object.assign(new Error("no room"), { errno: -28 }));
    await device.run();
    assert.equal(device.done[0], volume === open ? "bless piccolo-4.efi" : "restart");
    assert.ok(device.events.includes("start-not-remembered"));
  }
});

test("a daemon that stops answering while it is being watched begins anew, and what answers again is found good", async (context) => {
  const device = await Device.started(context);
  let waits = 0;
  device.wait = () => {
    waits += 1;
    device.answers = waits % 4 !== 0 || waits > 20;
    assert.ok(waits <= 20 || !device.done.includes("restart"));
  };
  await device.run();
  assert.ok(waits > 20);
  assert.equal(device.done[0], "bless piccolo-4.efi");
});

test("a release that finds no network gives its place to the one before, which had one", async (context) => {
  const device = await Device.started(context);
  device.lastGoodStart.write({ ...open, hadWayOut: true });
  device.hasWayOut = false;
  await device.run();
  assert.deepEqual(device.done, ["restart"]);
  assert.ok(device.nowMs >= networkPatienceMs);
});

test("a router that starts more slowly than the device costs no release its place", async (context) => {
  const device = await Device.started(context);
  device.lastGoodStart.write({ ...open, hadWayOut: true });
  device.hasWayOut = false;
  device.wait = () => (device.hasWayOut = device.nowMs >= networkPatienceMs - 60_000);
  await device.run();
  assert.equal(device.done[0], "bless piccolo-4.efi");
});

test("without a network, a release that has its place is held for one without, until a cable is plugged in", async (context) => {
  const device = await Device.started(context);
  await device.boot.bless("piccolo-4.efi");
  device.hasWayOut = false;
  device.wait = () => {
    if (device.nowMs < patienceMs) return;
    assert.deepEqual(device.lastGoodStart.read(), { ...open, hadWayOut: false });
    device.hasWayOut = true;
  };
  await device.run();
  assert.deepEqual(device.lastGoodStart.read(), { ...open, hadWayOut: true });
});

test("by the phrase a person helps a release that could not open the volume", async (context) => {
  const device = await Device.started(context);
  device.lastGoodStart.write(open);
  device.volume = closed("tpm-policy");
  device.wait = () => {
    if (device.nowMs >= patienceMs - 10_000) device.volume = open;
  };
  await device.run();
  assert.equal(device.done[0], "bless piccolo-4.efi");
});

test("with the volume closed nothing is removed and no minimum raised, until it is open", async (context) => {
  const device = await Device.started(context);
  await device.boot.bless("piccolo-4.efi");
  device.volume = closed("tpm-other-chip");
  const stop = new AbortController();
  device.wait = () => {
    if (device.nowMs > patienceMs) stop.abort();
  };
  await device.keeper().run(stop.signal);
  assert.deepEqual(device.done, []);
  assert.deepEqual(device.lastGoodStart.read(), { ...closed("tpm-other-chip"), hadWayOut: true });
  device.wait = () => (device.volume = open);
  await device.run();
  assert.deepEqual(await device.left(), whole);
  assert.deepEqual(device.lastGoodStart.read(), { ...open, hadWayOut: true });
});

const unreadable = () => bootControlFaults.fault("boot-partition-unreadable", "it is not there");

test("a boot partition that cannot be read is reported and tried again so often, and the device runs on", async (context) => {
  const device = await Device.started(context);
  device.boot.choice = () => Promise.reject(unreadable());
  await device.run();
  assert.deepEqual(device.done, []);
  assert.deepEqual(device.events, Array<string>(attemptsMax).fill("release-not-kept"));
  device.events.length = 0;
  device.boot.choice = () => Promise.reject(Object.assign(new Error("a disk that fails"), { errno: -5, code: "EIO" }));
  await device.run();
  assert.deepEqual([device.done, device.events], [[], ["release-not-kept"]]);
});

test("a boot partition that is busy at any step keeps no release from its place", async (context) => {
  const undisturbed = await Device.started(context);
  await undisturbed.run();
  for (const at of undisturbed.done.keys()) {
    const device = await Device.started(context);
    let count = 0;
    device.step = () => {
      if (count++ === at) throw unreadable();
    };
    await device.run();
    assert.equal(device.events.filter((event) => event === "release-not-kept").length, 1);
    assert.ok(device.done.includes("bless piccolo-4.efi"));
    assert.equal(device.done.at(-1), "raise");
    assert.deepEqual(await device.left(), whole);
  }
});

test("a release that is to give up its place restarts though the boot partition was busy, no later than otherwise", async (context) => {
  const device = await Device.started(context);
  device.lastGoodStart.write(open);
  device.volume = closed("tpm-policy");
  const { boot } = device;
  const choice = boot.choice.bind(boot);
  boot.choice = () => (device.nowMs < patienceMs / 2 ? Promise.reject(unreadable()) : choice());
  await device.run();
  assert.equal(device.done.at(-1), "restart");
  assert.ok(device.nowMs <= patienceMs + 5_000);
});

test("stopped while it waits to try again, it ends", async (context) => {
  const device = await Device.started(context);
  device.boot.choice = () => Promise.reject(unreadable());
  const stop = new AbortController();
  device.wait = () => stop.abort();
  await device.keeper().run(stop.signal);
  assert.deepEqual(device.events, ["release-not-kept"]);
});

test("what lies in the place of the last start, and is none, is not known", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "last-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const last = new LastGoodStart(new DurableFolder(folder));
  assert.equal(last.read(), undefined);
  for (const text of [
    "",
    "{",
    "null",
    '{"state":"closed"}',
    '{"state":"open","x":1}',
    '{"state":"closed","codes":["A"]}',
  ]) {
    writeFileSync(join(folder, "last-good-start"), text);
    assert.equal(last.read(), undefined, text);
  }
  writeFileSync(join(folder, "last-good-start"), "x".repeat(5_000));
  assert.equal(last.read(), undefined);
  // As earlier releases left it.
  writeFileSync(join(folder, "last-good-start"), '{"state":"open"}');
  assert.deepEqual(last.read(), open);
  last.write(closed("volume-missing"));
  assert.deepEqual(last.read(), closed("volume-missing"));
});
