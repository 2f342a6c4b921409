import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { Status } from "@piccolo/device-api";
import { predictPcr15 } from "@piccolo/attest";
import { Fault } from "@piccolo/fault";
import { tpmFaults } from "@piccolo/tpm2";
import { realWorld } from "@piccolo/world/real";
import { bootMachine } from "../../test-support/boot-machine.ts";
import { claimCode, password, refusedWith, TestDevice } from "../../test-support/device.ts";
import { MemoryBoot } from "../../test-support/memory-boot.ts";
import { MemoryDeployments } from "../../test-support/memory-deployments.ts";
import { type SecureBootState, readSecureBoot } from "../adapters/firmware/secure-boot.ts";
import { DurableFolder } from "../adapters/state-folder.ts";
import { supervisorFaults } from "../adapters/supervisor/supervisor.ts";
import { MemoryChip } from "../adapters/tpm/memory-chip.ts";
import { PlainFolderVolume } from "../adapters/volume/plain-folder.ts";
import type { Boot, BootOptions } from "./boot.ts";
import { FirstBootFile } from "./first-boot.ts";
import { volumeIdentity } from "./outside-record.ts";
import { distrustOf } from "./start-trust.ts";
import type { Volume } from "./volume.ts";

class Machine {
  readonly folder: string;
  readonly chip = new MemoryChip({ world: realWorld, seed: new Uint8Array(32).fill(3) });
  readonly firstBoot: FirstBootFile;
  secureBoot: SecureBootState = "on";

  constructor(context: TestContext) {
    this.folder = mkdtempSync(join(tmpdir(), "piccolo-first-"));
    context.after(() => rmSync(this.folder, { recursive: true }));
    this.firstBoot = new FirstBootFile(join(this.folder, "outside/first-boot"));
  }

  get volume(): Volume {
    return new PlainFolderVolume(new DurableFolder(join(this.folder, "volume")).path);
  }

  read(name: string): Uint8Array {
    return new DurableFolder(this.volume.path).read(name) ?? new Uint8Array(0);
  }

  boot(change: Partial<BootOptions> = {}): Boot {
    return bootMachine({
      state: new DurableFolder(join(this.folder, "outside")),
      volume: this.volume,
      chip: this.chip,
      firstBoot: this.firstBoot,
      distrust: distrustOf(() => this.secureBoot, this.chip),
      ...change,
    });
  }
}

const codes = (boot: Boot): readonly string[] => boot.closed?.reasons.map(({ code }) => code) ?? [];

test("a device nobody installed makes no volume, and one that was asked for is made once", async (context) => {
  const machine = new Machine(context);
  const empty = machine.boot();
  assert.equal(await empty.start(), undefined);
  assert.deepEqual(codes(empty), ["not-installed"]);
  machine.firstBoot.ask();
  assert.ok((await machine.boot().start()) !== undefined);
  assert.equal(machine.firstBoot.isAsked(), false);
  rmSync(join(machine.folder, "volume"), { recursive: true });
  rmSync(join(machine.folder, "outside/outside"));
  const robbed = machine.boot();
  await robbed.start();
  assert.deepEqual(codes(robbed), ["not-installed"], "a volume that is gone is no new device");
});

test("a first start that was cut off before the installer's wish was taken back is finished", async (context) => {
  const machine = new Machine(context);
  machine.firstBoot.ask();
  class Cut extends PlainFolderVolume {
    override create(): Promise<void> {
      throw new Error("the power was cut");
    }
  }
  const volume = new Cut(new DurableFolder(join(machine.folder, "volume")).path);
  await assert.rejects(machine.boot({ volume }).start(), /power was cut/);
  machine.firstBoot.done();
  assert.ok((await machine.boot().start()) !== undefined);
});

test("PCR 15 tells which volume was opened; where it stays closed, or the chip fails, the window closes as far as it can", async (context) => {
  const machine = new Machine(context);
  const told = async (): Promise<Buffer> => Buffer.from((await machine.chip.pcrs()).get(15) ?? []);
  await machine.boot().start();
  assert.deepEqual(await told(), predictPcr15(undefined)[0]);
  machine.firstBoot.ask();
  const opened = await machine.boot().start();
  assert.ok(opened !== undefined);
  assert.deepEqual(await told(), predictPcr15(opened.identity)[1]);
  const key = machine.read("record-key");
  assert.deepEqual(opened.identity, volumeIdentity(key));
  assert.equal(Buffer.compare(opened.identity, key) === 0, false);
  const chip = Object.create(machine.chip) as MemoryChip;
  chip.closeWindow = () => Promise.reject(tpmFaults.fault("tpm-failed", "it does not answer"));
  machine.secureBoot = "off";
  rmSync(join(machine.folder, "outside/outside"));
  const closed = machine.boot({ chip });
  await closed.start();
  assert.ok(closed.closed !== undefined);
});

test("no volume is made in a start that anybody could imitate", async (context) => {
  const machine = new Machine(context);
  machine.firstBoot.ask();
  for (const [state, code] of [
    ["off", "secure-boot-off"],
    ["setup-mode", "secure-boot-off"],
    ["no-uefi", "no-uefi"],
  ] as const) {
    machine.secureBoot = state;
    const boot = machine.boot();
    await boot.start();
    assert.deepEqual(codes(boot), [code]);
  }
  assert.equal(existsSync(join(machine.folder, "volume/plain")), false);
  assert.equal(machine.firstBoot.isAsked(), true);
});

test("whatever is missing, the device goes on and says it", async (context) => {
  const machine = new Machine(context);
  machine.firstBoot.ask();
  const chip = Object.create(machine.chip) as MemoryChip;
  chip.checkStart = async () => undefined;
  chip.closeWindow = () => machine.chip.closeWindow(undefined);
  chip.seal = () => Promise.reject(tpmFaults.fault("tpm-failed", "it does not answer"));
  const boot = machine.boot({ chip });
  await boot.start();
  assert.deepEqual(codes(boot), ["tpm-failed"]);
  const state = (): never => {
    throw tpmFaults.fault("tpm-failed", "two disks");
  };
  const strange = machine.boot({ volume: Object.assign(machine.volume, { state }) });
  await strange.start();
  assert.deepEqual(codes(strange), ["tpm-failed"]);
  await assert.rejects(machine.boot({ chip, staysUp: false }).start(), { code: "tpm-failed" });
});

test("a record that is lost outside is taken from beside the volume", async (context) => {
  const machine = new Machine(context);
  machine.firstBoot.ask();
  let kept: Uint8Array | undefined;
  const keeping = (): Volume =>
    Object.assign(machine.volume, {
      keepRecord: async (record: Uint8Array) => void (kept = record),
      keptRecord: async () => kept,
    });
  const first = machine.boot({ volume: keeping() });
  await first.start();
  await first.settle();
  assert.ok(kept !== undefined);
  for (const lose of [
    () => rmSync(join(machine.folder, "outside/outside")),
    () => writeFileSync(join(machine.folder, "outside/outside"), "damaged"),
  ]) {
    lose();
    const chip = new MemoryChip({ world: realWorld, seed: new Uint8Array(32).fill(3) });
    const again = machine.boot({ volume: keeping(), chip });
    assert.ok((await again.start()) !== undefined, codes(again).join());
    await again.settle();
  }
  kept = new Uint8Array(3);
  rmSync(join(machine.folder, "outside/outside"));
  const lost = machine.boot({ volume: keeping() });
  await lost.start();
  assert.deepEqual(codes(lost), ["record-damaged"]);
});

test("a device that started another way takes no phrase, says why, and is not reset", async (context) => {
  const args = ["--first-boot", "/nonexistent/first-boot"];
  const folder = mkdtempSync(join(tmpdir(), "piccolo-marker-"));
  context.after(() => rmSync(folder, { recursive: true }));
  args[1] = join(folder, "first-boot");
  writeFileSync(args[1], "");
  const device = await TestDevice.start(context, { args });
  await device.owner();
  await device.stop();
  writeFileSync(join(device.folder, "state/insecure-chip-seed"), new Uint8Array(32));
  await device.start();
  const client = device.client();
  const status = await client.call<Status>("GET", "/status");
  assert.deepEqual(
    status.reasons.map(({ code }) => code),
    ["tpm-other-chip"],
  );
  const reset = { confirmation: "device1", claimCode };
  refusedWith(await client.send("POST", "/factory-reset", reset), 423, "closed");
  refusedWith(await client.send("POST", "/claim", { claimCode, ownerName: "Eve", password }), 423, "closed");
});

test("a reset by the owner makes a new device without an installer", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-marker-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const marker = join(folder, "first-boot");
  writeFileSync(marker, "");
  const device = await TestDevice.start(context, { args: ["--first-boot", marker] });
  for (let time = 0; time < 3; time++) {
    const owner = await device.owner();
    assert.equal(existsSync(marker), false);
    const reset = { confirmation: "device1", password };
    assert.equal((await owner.send("POST", "/factory-reset", reset)).status, 204);
    const phase = async (): Promise<string> => (await device.client().call<Status>("GET", "/status")).phase;
    while ((await phase()) !== "unclaimed") await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

for (const [what, isDeaf] of [
  ["starts anew, and is a new device then", false],
  ["does not start anew when told so is a new device at once", true],
] as const) {
  test(`a machine of the daemon's own that was reset and ${what}`, async (context) => {
    const folder = mkdtempSync(join(tmpdir(), "piccolo-marker-"));
    context.after(() => rmSync(folder, { recursive: true }));
    const [marker, facts] = [join(folder, "first-boot"), join(folder, "release.json")];
    writeFileSync(marker, "");
    writeFileSync(facts, JSON.stringify({ version: "1", number: 1, minimum: 1, keys: {} }));
    let toldToStart = (): void => undefined;
    const told = new Promise<void>((resolve) => (toldToStart = resolve));
    const restart = async (): Promise<void> => {
      toldToStart();
      if (isDeaf) throw supervisorFaults.fault("supervisor-deaf", "nobody listens");
    };
    const device = await TestDevice.start(context, {
      args: ["--first-boot", marker, "--release", facts],
      machine: { releases: { boot: new MemoryBoot(), deployments: new MemoryDeployments(() => undefined), restart } },
    });
    const phase = async (): Promise<string> => (await device.client().call<Status>("GET", "/status")).phase;
    const owner = await device.owner();
    assert.equal((await owner.send("POST", "/factory-reset", { confirmation: "device1", password })).status, 204);
    await told;
    if (!isDeaf) {
      assert.equal(await phase(), "closed");
      assert.equal(existsSync(marker), true);
      await device.stop();
      await device.start();
      assert.equal(await phase(), "unclaimed");
    }
    while ((await phase()) !== "unclaimed") await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(existsSync(marker), false);
  });
}

test("the firmware's word on Secure Boot is read as the kernel shows it", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-efi-"));
  context.after(() => rmSync(folder, { recursive: true }));
  assert.equal(readSecureBoot(join(folder, "none")), "no-uefi");
  assert.equal(readSecureBoot(folder), "off");
  mkdirSync(join(folder, "efivars"));
  const write = (name: string, ...value: readonly number[]): void =>
    writeFileSync(
      join(folder, `efivars/${name}-8be4df61-93ca-11d2-aa0d-00e098032b8c`),
      Uint8Array.of(6, 0, 0, 0, ...value),
    );
  for (const [secureBoot, setupMode, expected] of [
    [[1], [0], "on"],
    [[0], [0], "off"],
    [[1], [1], "setup-mode"],
    [[], [0], "off"],
    [[1, 1], [0], "off"],
  ] as const) {
    write("SecureBoot", ...secureBoot);
    write("SetupMode", ...setupMode);
    assert.equal(readSecureBoot(folder), expected);
  }
});

test("a device without an owner whose chip opens its volume no more says that it is installed again, and makes no volume by itself", async (context) => {
  const machine = new Machine(context);
  machine.firstBoot.ask();
  assert.ok((await machine.boot().start()) !== undefined);
  const record = new DurableFolder(join(machine.folder, "outside")).read("outside");
  const refusing = (
    code: "tpm-policy" | "tpm-other-chip" | "tpm-superseded" | "tpm-timeout" | "tpm-lockout",
  ): MemoryChip =>
    Object.assign(new MemoryChip({ world: realWorld, seed: new Uint8Array(32).fill(3) }), {
      unseal: () => Promise.reject(new Fault(code, "never", `it says ${code}`)),
    });
  for (const code of ["tpm-policy", "tpm-other-chip", "tpm-superseded"] as const) {
    const closed = machine.boot({ chip: refusing(code) });
    assert.equal(await closed.start(), undefined);
    assert.deepEqual([codes(closed), closed.closed?.opensWith], [[code, "no-owner-yet"], []]);
    assert.match(closed.closed?.reasons[1]?.detail ?? "", /erase-the-disk/);
  }
  // What passes by itself, or by what the chip's own words say, is no reason to install anything.
  for (const code of ["tpm-timeout", "tpm-lockout"] as const) {
    const closed = machine.boot({ chip: refusing(code) });
    await closed.start();
    assert.deepEqual(codes(closed), [code]);
  }
  machine.secureBoot = "off";
  const distrusted = machine.boot({ chip: refusing("tpm-policy") });
  await distrusted.start();
  assert.deepEqual(
    codes(distrusted),
    ["tpm-policy", "secure-boot-off", "no-owner-yet"],
    "what may be its cause comes first",
  );
  assert.deepEqual(new DurableFolder(join(machine.folder, "outside")).read("outside"), record);
});
