/**
 * Somebody with the device in his hands leaves a volume without an owner on it, whose key he knows and has sealed in the device's
 * own chip: to whoever claims it, it looks like a device that was just installed.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { realWorld } from "@piccolo/world/real";
import { DurableFolder } from "../adapters/state-folder.ts";
import { MemoryChip } from "../adapters/tpm/memory-chip.ts";
import { PlainFolderVolume } from "../adapters/volume/plain-folder.ts";
import { bootMachine } from "../../test-support/boot-machine.ts";
import { contentFolder, TestDevice } from "../../test-support/device.ts";
import type { Boot, BootOptions, Opened } from "./boot.ts";
import { FirstBootFile } from "./first-boot.ts";
import { findOutside } from "./outside-store.ts";

const planted = "planted-by-a-stranger";

class Machine {
  readonly folder: string;
  readonly firstBoot: FirstBootFile;
  distrusted = false;

  constructor(context: TestContext) {
    this.folder = mkdtempSync(join(tmpdir(), "piccolo-stranger-"));
    context.after(() => rmSync(this.folder, { recursive: true }));
    this.firstBoot = new FirstBootFile(join(this.folder, "outside/first-boot"));
  }

  get state(): DurableFolder {
    return new DurableFolder(join(this.folder, "outside"));
  }

  get volume(): PlainFolderVolume {
    return new PlainFolderVolume(new DurableFolder(join(this.folder, "volume")).path);
  }

  boot(change: Partial<BootOptions> = {}): Boot {
    return bootMachine({
      state: this.state,
      volume: this.volume,
      chip: new MemoryChip({ world: realWorld, seed: new Uint8Array(32).fill(3) }),
      firstBoot: this.firstBoot,
      distrust: async () => (this.distrusted ? { code: "secure-boot-off", detail: "It is off." } : undefined),
      ...change,
    });
  }

  /** The key of the volume that lies there now. */
  async makeVolume(): Promise<Uint8Array> {
    this.firstBoot.ask();
    const opened = await this.boot().start();
    assert.ok(opened !== undefined);
    opened.content.write(planted, new Uint8Array(1));
    return keyOf(opened);
  }
}

const keyOf = ({ content }: Opened): Uint8Array => content.read("unclaimed-volume-key") ?? new Uint8Array(0);

test("a volume without an owner that this start has not made gives way to a new one, under another key", async (context) => {
  const machine = new Machine(context);
  const theirs = await machine.makeVolume();
  const opened = await machine.boot().start();
  assert.ok(opened !== undefined);
  assert.equal(opened.content.read(planted), undefined);
  assert.notDeepEqual(keyOf(opened), theirs);
});

test("also where a process before this one left it open", async (context) => {
  const machine = new Machine(context);
  const theirs = await machine.makeVolume();
  const { volume } = machine;
  await volume.open(theirs);
  const opened = await machine.boot({ volume }).start();
  assert.ok(opened !== undefined);
  assert.equal(opened.content.read(planted), undefined);
  assert.notDeepEqual(keyOf(opened), theirs);
});

test("a power cut in between leaves a device that makes its volume in the next start", async (context) => {
  const machine = new Machine(context);
  for (const cut of ["close", "destroy", "create"] as const) {
    await machine.makeVolume();
    const volume = Object.assign(machine.volume, { [cut]: () => Promise.reject(new Error("the power was cut")) });
    await assert.rejects(machine.boot({ volume }).start(), /power was cut/, cut);
    const opened = await machine.boot().start();
    assert.ok(opened !== undefined, cut);
    assert.equal(opened.content.read(planted), undefined, cut);
  }
});

test("a reset that is cut off once the volume is gone is finished by the next start", async (context) => {
  const machine = new Machine(context);
  await machine.makeVolume();
  class Cut extends PlainFolderVolume {
    override async destroy(): Promise<void> {
      await super.destroy();
      throw new Error("the power was cut");
    }
  }
  const volume = new Cut(join(machine.folder, "volume"));
  await assert.rejects(machine.boot({ volume }).reset(), /power was cut/);
  assert.ok((await machine.boot().start()) !== undefined);
});

test("in a start that anybody could imitate it is neither shown to anybody nor is a new one made", async (context) => {
  const machine = new Machine(context);
  await machine.makeVolume();
  machine.distrusted = true;
  const boot = machine.boot();
  assert.equal(await boot.start(), undefined);
  assert.equal(boot.closed?.distrusted?.code, "secure-boot-off");
  machine.distrusted = false;
  const opened = await machine.boot().start();
  assert.equal(opened?.content.read(planted), undefined);
});

test("a volume with an owner stays, also beside an older record outside", async (context) => {
  const device = await TestDevice.start(context);
  const outside = join(device.folder, "state/outside");
  const before = readFileSync(outside);
  await device.owner();
  await device.stop();
  writeFileSync(outside, before);
  writeFileSync(join(contentFolder(device.folder), planted), "");
  await device.start();
  await device.client().signIn();
  assert.ok(existsSync(join(contentFolder(device.folder), planted)));
  const found = findOutside(new DurableFolder(join(device.folder, "state")));
  assert.ok(typeof found === "object" && found.record.slots !== undefined);
});

test("neither the device's key nor its authority is one that a stranger left", async (context) => {
  const device = await TestDevice.start(context, { args: ["--https"] });
  const left = (): readonly Buffer[] =>
    ["device-key", "tls-authority"].map((name) => readFileSync(join(contentFolder(device.folder), name)));
  const sealed = (): Buffer => readFileSync(join(device.folder, "state/tls-authority"));
  const [key, authority] = left();
  const outside = sealed();
  await device.stop();
  await device.start();
  const [keyNow, authorityNow] = left();
  assert.notDeepEqual(keyNow, key);
  assert.notDeepEqual(authorityNow, authority);
  assert.notDeepEqual(sealed(), outside);

  // The authority alone, beside a volume that is made in this start.
  await device.stop();
  rmSync(join(device.folder, "state/volume"), { recursive: true });
  rmSync(join(device.folder, "state/outside"));
  writeFileSync(join(device.folder, "state/tls-authority"), outside);
  await device.start();
  const [, made] = left();
  const certificate = (file: Buffer | undefined): unknown =>
    (JSON.parse(String(file)) as { readonly certificate: string }).certificate;
  assert.notEqual(certificate(made), certificate(outside));
});
