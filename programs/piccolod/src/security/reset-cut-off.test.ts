/** A reset is finished wherever it is cut off: nothing of the owner of before comes back, although the volume's header still tells of it. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { realWorld } from "@piccolo/world/real";
import { BlockMachine } from "../../test-support/block-machine.ts";
import { bootMachine } from "../../test-support/boot-machine.ts";
import { FailingDisk } from "../../test-support/failing-disk.ts";
import { luksScene } from "../../test-support/luks-scene.ts";
import { DurableFolder } from "../adapters/state-folder.ts";
import { MemoryChip } from "../adapters/tpm/memory-chip.ts";
import { volumeFaults } from "./volume.ts";
import type { Boot, BootOptions, Opened } from "./boot.ts";
import { FirstBootFile } from "./first-boot.ts";

const ofOwner = "of-the-owner-before";

const whyClosed = (boot: Boot): string => JSON.stringify(boot.closed?.reasons ?? []);

class Machine {
  readonly blocks: BlockMachine;
  readonly scene: ReturnType<typeof luksScene>;
  readonly firstBoot: FirstBootFile;

  constructor(context: TestContext) {
    const folder = mkdtempSync(join(tmpdir(), "piccolo-reset-"));
    context.after(() => rmSync(folder, { recursive: true }));
    this.blocks = new BlockMachine(folder);
    this.scene = luksScene({ disk: this.blocks.disk, folder, system: this.blocks.system }, async () => undefined);
    this.firstBoot = new FirstBootFile(join(folder, "outside/first-boot"));
  }

  boot(change: Partial<BootOptions> = {}): Boot {
    return bootMachine({
      state: new DurableFolder(join(this.blocks.folder, "outside")),
      volume: this.scene.again(),
      chip: new MemoryChip({ world: realWorld, seed: new Uint8Array(32).fill(3) }),
      firstBoot: this.firstBoot,
      distrust: async () => undefined,
      ...change,
    });
  }

  /** Of a device with an owner, whose record the volume's header has as well. */
  async owned(change: Partial<BootOptions> = {}): Promise<{ readonly boot: Boot; readonly opened: Opened }> {
    this.firstBoot.ask();
    const boot = this.boot(change);
    const opened = await boot.start();
    assert.ok(opened !== undefined, whyClosed(boot));
    opened.content.write(ofOwner, new Uint8Array(1));
    opened.outside.change({ slots: Uint8Array.of(1) });
    await boot.settle();
    assert.ok((await this.scene.again().keptRecord()) !== undefined);
    return { boot, opened };
  }

  async startsAnew(before: Opened): Promise<void> {
    this.blocks.restart();
    const boot = this.boot();
    const opened = await boot.start();
    assert.ok(opened !== undefined, whyClosed(boot));
    assert.equal(opened.content.read(ofOwner), undefined);
    assert.notDeepEqual(opened.identity, before.identity);
    await boot.settle();
    assert.equal(this.firstBoot.isAsked(), false, "a volume that is lost later is no new device");
  }
}

test("before anything of the volume is removed", async (context) => {
  const machine = new Machine(context);
  const { boot, opened } = await machine.owned();
  machine.blocks.crashIn = 0;
  await assert.rejects(boot.reset(), /the machine stopped/);
  machine.blocks.crashIn = Number.POSITIVE_INFINITY;
  assert.ok(existsSync(machine.scene.headerCopy));
  await machine.startsAnew(opened);
});

test("before it is noted that a new volume is asked for", async (context) => {
  const machine = new Machine(context);
  const { opened } = await machine.owned();
  const cut = (): never => {
    throw new Error("the machine stopped");
  };
  const firstBoot = { isAsked: () => false, done: () => undefined, ask: cut };
  await assert.rejects(machine.boot({ firstBoot }).reset(), /the machine stopped/);
  await machine.startsAnew(opened);
});

test("before the header is overwritten, whose copy is gone by then", async (context) => {
  const machine = new Machine(context);
  const { boot, opened } = await machine.owned();
  const disk = new FailingDisk(context);
  disk.failure = { call: "write", code: "EIO", below: machine.blocks.disk };
  await assert.rejects(boot.reset(), { code: "EIO" });
  disk.failure = undefined;
  assert.ok((await machine.scene.again().keptRecord()) !== undefined);
  await machine.startsAnew(opened);
});

test("where something keeps the volume busy, in the daemon that is started again, and in a later start of the machine", async (context) => {
  const machine = new Machine(context);
  const { boot, opened } = await machine.owned();
  const busy = (): never => {
    throw volumeFaults.fault("volume-busy", "an app cannot be ended");
  };
  const { run, ...system } = machine.blocks.system;
  Object.assign(machine.blocks.system, { run: busy });
  await assert.rejects(boot.reset(), { code: "volume-busy" });
  const next = machine.boot();
  assert.equal(await next.start(), undefined);
  assert.equal(next.closed?.reasons[0]?.code, "volume-busy");
  Object.assign(machine.blocks.system, { ...system, run });
  await machine.startsAnew(opened);
});
