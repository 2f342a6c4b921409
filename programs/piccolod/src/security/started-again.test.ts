import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { predictPcr15 } from "@piccolo/attest";
import { Fault } from "@piccolo/fault";
import { realWorld } from "@piccolo/world/real";
import { MadeVolumeFile } from "../adapters/made-volume-file.ts";
import { ReasonFile } from "../adapters/reason-file.ts";
import { DurableFolder } from "../adapters/state-folder.ts";
import { MemoryChip } from "../adapters/tpm/memory-chip.ts";
import { PlainFolderVolume } from "../adapters/volume/plain-folder.ts";
import { bootMachine } from "../../test-support/boot-machine.ts";
import type { Boot, BootOptions } from "./boot.ts";
import { FirstBootFile } from "./first-boot.ts";
import { encodeRecord } from "./outside-record.ts";
import { findOutside, isNewer } from "./outside-store.ts";

/** A machine with a volume, of which the daemon starts as often as it likes. */
async function machineWithVolume(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-again-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const firstBoot = new FirstBootFile(join(folder, "outside/first-boot"));
  const state = new DurableFolder(join(folder, "outside"));
  const volume = (): PlainFolderVolume => new PlainFolderVolume(new DurableFolder(join(folder, "volume")).path);
  const chip = (): MemoryChip => new MemoryChip({ world: realWorld, seed: new Uint8Array(32).fill(3) });
  const boot = (change: Partial<BootOptions> = {}): Boot =>
    bootMachine({ state, volume: volume(), chip: chip(), firstBoot, distrust: async () => undefined, ...change });
  firstBoot.ask();
  assert.ok((await boot().start()) !== undefined);
  return { folder, state, firstBoot, volume, chip, boot };
}

const codesOf = ({ closed }: Boot): readonly string[] => (closed?.reasons ?? []).map(({ code }) => code);

test("a daemon started again in the same start of the machine says first what the one before has said", async (context) => {
  const { folder, chip, boot } = await machineWithVolume(context);
  const firstReason = new ReasonFile(join(folder, "why-closed"));
  const refusing = (code: "tpm-policy" | "tpm-window-closed"): MemoryChip =>
    Object.assign(chip(), { unseal: () => Promise.reject(new Fault(code, "never", `it says ${code}`)) });
  const first = boot({ chip: refusing("tpm-policy"), firstReason });
  assert.equal(await first.start(), undefined);
  assert.deepEqual(codesOf(first), ["tpm-policy", "no-owner-yet"]);
  const again = boot({ chip: refusing("tpm-window-closed"), firstReason });
  assert.equal(await again.start(), undefined);
  assert.deepEqual(codesOf(again), ["tpm-policy", "tpm-window-closed", "no-owner-yet"]);
  assert.deepEqual(again.closed?.opensWith, first.closed?.opensWith);
});

test("what was said is forgotten once the volume opens, and what is no reason is none", async (context) => {
  const { folder, boot } = await machineWithVolume(context);
  const path = join(folder, "why-closed");
  const firstReason = new ReasonFile(path);
  firstReason.keep({ code: "tpm-policy", detail: "It was." });
  assert.ok((await boot({ firstReason }).start()) !== undefined);
  assert.equal(firstReason.read(), undefined);
  writeFileSync(path, "no reason".repeat(10_000));
  assert.equal(firstReason.read(), undefined);
});

test("a daemon started again before the claim goes on with the volume that the one before has made, and the chip tells of no other", async (context) => {
  const { folder, firstBoot, volume, chip, boot } = await machineWithVolume(context);
  await boot().reset();
  firstBoot.ask();
  const start = { chip: chip(), volume: volume(), madeVolume: new MadeVolumeFile(join(folder, "run/made-volume")) };
  const made = await boot(start).start();
  made?.content.write("left-by-it", new Uint8Array(1));
  const again = await boot(start).start();
  assert.ok(made !== undefined && again !== undefined);
  assert.ok(again.content.read("left-by-it") !== undefined);
  assert.deepEqual(again.identity, made.identity);
  const measured = (await start.chip.pcrs()).get(15);
  assert.deepEqual(measured, predictPcr15(again.identity)[0]);

  const other = new MadeVolumeFile(join(folder, "run/another"));
  other.keep(new Uint8Array(32));
  const anew = await boot({ ...start, madeVolume: other }).start();
  assert.equal(anew?.content.read("left-by-it"), undefined, "one of another identity, as after a start of the machine");
});

test("a volume that was closed since it was made gives way all the same: its key is then the chip's to give", async (context) => {
  const { folder, firstBoot, volume, chip, boot } = await machineWithVolume(context);
  await boot().reset();
  firstBoot.ask();
  const start = { volume: volume(), madeVolume: new MadeVolumeFile(join(folder, "made-volume")) };
  const made = await boot({ ...start, chip: chip() }).start();
  made?.content.write("left-by-it", new Uint8Array(1));
  await start.volume.close();
  const again = await boot({ ...start, chip: chip() }).start();
  assert.equal(again?.content.read("left-by-it"), undefined);
});

test("which volume was made is forgotten once it has an owner", async (context) => {
  const { folder, firstBoot, boot } = await machineWithVolume(context);
  await boot().reset();
  firstBoot.ask();
  const madeVolume = new MadeVolumeFile(join(folder, "made-volume"));
  const made = await boot({ madeVolume }).start();
  assert.ok(made !== undefined && madeVolume.is(made.identity));
  made.outside.change({ sealedPepper: new Uint8Array(1) });
  assert.ok(madeVolume.is(made.identity));
  made.outside.change({ slots: new Uint8Array(1) });
  assert.equal(madeVolume.is(made.identity), false);
});

test("of the record outside and the one that the volume kept, the newer one counts", async (context) => {
  const { state } = await machineWithVolume(context);
  const found = findOutside(state);
  assert.ok(typeof found === "object");
  const numbered = (number: number): Uint8Array => encodeRecord({ ...found.record, number }, new Uint8Array(32));
  const { number } = found.record;
  assert.deepEqual(
    [number - 1, number, number + 1].map((one) => isNewer(numbered(one), found)),
    [false, false, true],
  );
  assert.equal(isNewer(new Uint8Array(100), found), false, "what is no record is not newer");
  assert.equal(isNewer(numbered(1), "damaged"), true);
});
