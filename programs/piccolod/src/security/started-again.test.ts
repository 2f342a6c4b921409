import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Fault } from "@piccolo/fault";
import { realWorld } from "@piccolo/world/real";
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
  return { folder, state, chip, boot };
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
