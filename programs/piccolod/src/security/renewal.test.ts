import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { passwordCostFloor } from "@piccolo/envelope";
import { realWorld as world } from "@piccolo/world/real";
import {
  carried,
  makePolicyKey,
  pcr7Of,
  signRelease,
  type Start,
  startRelease,
} from "../../test-support/release-key.ts";
import { TpmMachine } from "../../test-support/tpm-machine.ts";
import { createLog } from "../adapters/log.ts";
import { DurableFolder } from "../adapters/state-folder.ts";
import { PlainFolderVolume } from "../adapters/volume/plain-folder.ts";
import { bootControlFaults } from "../system/boot-control.ts";
import { firmwareKeyFaults, type FirmwareKeyChange } from "../system/firmware-keys.ts";
import { oneAtATime } from "./argon2-queue.ts";
import { Boot, type Opened } from "./boot.ts";

const [old, next] = [makePolicyKey(), makePolicyKey()];
/** Release 1 is signed by the old key, 2 by both, 3 by the new one. */
const releases: Readonly<Record<"A" | "B" | "C", Pick<Start, "release" | "signed">>> = {
  A: { release: 1, signed: carried(1, old, signRelease(1, [old])) },
  B: { release: 2, signed: carried(2, next, signRelease(2, [old, next])) },
  C: { release: 3, signed: carried(3, next, signRelease(3, [next])) },
};
const pepper = new Uint8Array(32).fill(5);

class Device {
  readonly folder: string;
  readonly tpm: TpmMachine;
  readonly events: string[] = [];

  static async start(context: TestContext): Promise<Device> {
    const folder = mkdtempSync(join(tmpdir(), "piccolo-renewal-"));
    context.after(() => rmSync(folder, { recursive: true }));
    const device = new Device(folder, await TpmMachine.start(context));
    const { opened } = await device.boot("A", "old");
    assert.ok(opened !== undefined);
    // Without an owner's slots the next start would make a new volume.
    const slots = Uint8Array.of(1);
    opened.outside.change({ slots, sealedPepper: await device.tpm.chip().seal(pepper, "pepper") });
    return device;
  }

  private constructor(folder: string, tpm: TpmMachine) {
    this.folder = folder;
    this.tpm = tpm;
  }

  get record(): string {
    return join(this.folder, "outside");
  }

  /** A start of a release on a firmware with these keys. */
  async boot(
    release: "A" | "B" | "C",
    firmware: "old" | "both",
    { hasItsPlace = (): boolean => true, change = undefined as FirmwareKeyChange | undefined } = {},
  ): Promise<{ readonly opened: Opened | undefined; readonly code: string | undefined }> {
    this.events.length = 0;
    await startRelease(this.tpm, { ...releases[release], firmware });
    const boot = new Boot({
      state: new DurableFolder(this.folder),
      volume: new PlainFolderVolume(new DurableFolder(join(this.folder, "volume")).path),
      chip: this.tpm.chip(),
      world,
      log: createLog(
        (line) => this.events.push((JSON.parse(line) as { event: string }).event),
        () => 0,
      ),
      argon2: oneAtATime(),
      floor: passwordCostFloor,
      renewal: { hasItsPlace, firmwareKeys: { pending: async () => change } },
    });
    const opened = await boot.start();
    if (opened !== undefined) {
      const { sealedPepper } = opened.outside.record;
      if (sealedPepper !== undefined) assert.deepEqual(await this.tpm.chip().unseal(sealedPepper), pepper);
    }
    return { opened, code: boot.closed?.reasons[0]?.code };
  }

  async opens(...boot: Parameters<Device["boot"]>): Promise<void> {
    const { opened, code } = await this.boot(...boot);
    assert.ok(opened !== undefined, `${boot[0]} with ${boot[1]}: ${code}`);
  }
}

const changeTo = (firmware: "both", apply: () => Promise<void>): FirmwareKeyChange => ({
  expected: [pcr7Of(firmware)],
  apply,
});

test("on probation a release renews nothing, so that the release before still opens", async (context) => {
  const device = await Device.start(context);
  const before = readFileSync(device.record);
  const change = changeTo("both", () => Promise.reject(new Error("changed too early")));
  await device.opens("B", "old", { hasItsPlace: () => false, change });
  assert.deepEqual(readFileSync(device.record), before);
  await device.opens("A", "old");
});

test("keys of releases and firmware change from A over B to C, and no start asks for the phrase", async (context) => {
  const device = await Device.start(context);
  const atFirst = readFileSync(device.record);
  await device.opens("B", "old", { hasItsPlace: () => false });
  let applied = 0;
  const change = changeTo("both", async () => {
    assert.notDeepEqual(readFileSync(device.record), atFirst, "sealed for the change before it is made");
    applied += 1;
  });
  await device.opens("B", "old", { change });
  assert.deepEqual([applied, device.events.filter((event) => event === "seals-renewed").length], [1, 1]);

  // The power was cut before the firmware had the keys: the same again, without sealing anew.
  const sealed = readFileSync(device.record);
  await device.opens("B", "old", { change });
  assert.deepEqual([applied, readFileSync(device.record)], [2, sealed]);

  await device.opens("B", "both");
  assert.ok(device.events.includes("seals-renewed"));
  await device.opens("B", "both");
  assert.ok(!device.events.includes("seals-renewed"));
  await device.opens("C", "both");

  assert.equal((await device.boot("A", "both")).code, "tpm-policy", "the old key opens nothing any more");
  assert.equal((await device.boot("B", "old")).code, "tpm-policy", "nor does firmware with the old keys");
  for (const earlier of [atFirst, sealed]) {
    writeFileSync(device.record, earlier);
    assert.equal((await device.boot("B", "both")).code, "tpm-superseded", "nor what was sealed in between");
  }
});

test("where nobody knows whether the release has its place, it opens, renews nothing, and says so", async (context) => {
  const device = await Device.start(context);
  const before = readFileSync(device.record);
  const hasItsPlace = (): never => {
    throw bootControlFaults.fault("boot-partition-unreadable", "a variable of the firmware cannot be read");
  };
  await device.opens("B", "old", { hasItsPlace });
  assert.ok(device.events.includes("seals-not-renewed"));
  assert.deepEqual(readFileSync(device.record), before);
  await device.opens("B", "old");
  assert.ok(device.events.includes("seals-renewed"));
});

test("a device whose firmware refuses its new keys goes on with those it has", async (context) => {
  const device = await Device.start(context);
  const change = changeTo("both", () =>
    Promise.reject(firmwareKeyFaults.fault("firmware-keys-refused", "it does not take them")),
  );
  await device.opens("B", "old", { change });
  assert.ok(device.events.includes("seals-not-renewed"));
  await device.opens("B", "old");
  assert.ok(device.events.includes("seals-renewed"), "and it is sealed for the present keys alone again");
  await device.opens("B", "old");
});

for (const [at, cut] of [
  "before anything is sealed",
  "between the two",
  "before the record",
  "before the counter",
].entries()) {
  test(`a power cut ${cut} leaves a device that opens`, async (context) => {
    const device = await Device.start(context);
    let creates = 0;
    device.tpm.tap(async (command, transmit) => {
      const code = new DataView(command.buffer, command.byteOffset).getUint32(6);
      // TPM2_Create seals, TPM2_NV_Increment shuts out what was before.
      if (code === 0x153) creates += 1;
      const isCut =
        (code === 0x153 && creates === at + 1 && at < 2) ||
        (at === 2 && creates === 2 && code !== 0x153) ||
        (at === 3 && code === 0x134);
      if (isCut) throw new Error("the power was cut");
      return transmit(command);
    });
    await device.boot("B", "old").catch(() => undefined);
    device.tpm.tap((command, transmit) => transmit(command));
    await device.opens("B", "old");
    await device.opens("C", "old");
  });
}
