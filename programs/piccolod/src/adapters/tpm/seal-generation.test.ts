import assert from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";
import {
  entity,
  nvAttributes,
  nvDefineSpace,
  nvEntity,
  nvIncrement,
  type NvPublic,
  nvRead,
  nvReadPublic,
  nvUndefineSpace,
  nvWrite,
  permanentHandles,
  sha256,
  type Tpm,
} from "@piccolo/tpm2";
import { TpmMachine } from "../../../test-support/tpm-machine.ts";
import { sealGeneration } from "./seal-generation.ts";
import { decodeSealedBlob, encodeSealedBlob } from "./sealed-blob.ts";

const secret = sha256(Uint8Array.of(2));
const handle = 0x0180_9c02;
const owner = entity(permanentHandles.owner);
const base = nvAttributes.ownerWrite | nvAttributes.ownerRead | nvAttributes.authRead | nvAttributes.noDa;
const counter: NvPublic = {
  handle,
  attributes: base | nvAttributes.counter,
  authPolicy: new Uint8Array(0),
  sizeBytes: 8,
};

/** A machine whose older blob is superseded, as an attacker with a copy of the older disk finds it. */
async function superseded(context: TestContext): Promise<{
  readonly machine: TpmMachine;
  readonly old: Uint8Array;
  readonly newest: Uint8Array;
}> {
  const machine = await TpmMachine.start(context);
  const old = await machine.chip().seal(secret, "volume");
  const newest = await machine.chip().seal(secret, "volume", "next");
  await machine.chip().supersede(newest);
  return { machine, old, newest };
}

const undefine = (machine: TpmMachine): Promise<void> =>
  machine.raw(async (tpm) => {
    const index = await tpm.execute(nvReadPublic(handle));
    await tpm.execute(nvUndefineSpace(nvEntity(index)));
  });

const refusesBoth = async (machine: TpmMachine, blobs: readonly Uint8Array[], code: string): Promise<void> => {
  for (const blob of blobs) await assert.rejects(machine.chip().unseal(blob), { code });
};

suite("whoever owns the TPM", () => {
  test("removes the counter: nothing opens, and nothing can be superseded", async (context) => {
    const { machine, old, newest } = await superseded(context);
    await undefine(machine);
    await refusesBoth(machine, [old, newest], "tpm-nv-missing");
    await assert.rejects(machine.chip().supersede(newest), { code: "tpm-nv-missing" });
    await machine.raw((tpm) => tpm.execute(nvDefineSpace(counter)));
    await refusesBoth(machine, [old, newest], "tpm-nv-missing");
  });

  test("makes the counter anew: it starts above every earlier value, so nothing opens", async (context) => {
    const { machine, old, newest } = await superseded(context);
    await undefine(machine);
    await machine.raw(async (tpm) => {
      await tpm.execute(nvDefineSpace(counter));
      await tpm.execute(nvIncrement(owner, nvEntity(counter)));
    });
    await refusesBoth(machine, [old, newest], "tpm-superseded");
    // With the phrase the owner seals anew, and all is as before.
    const anew = await machine.chip().seal(secret, "volume");
    assert.deepEqual(await machine.chip().unseal(anew), secret);
  });

  test("puts an ordinary index with the older number in the counter's place: nothing opens", async (context) => {
    const { machine, old, newest } = await superseded(context);
    const { generation } = decodeSealedBlob(old);
    const weak: NvPublic = { ...counter, attributes: base };
    await undefine(machine);
    await machine.raw(async (tpm) => {
      const number = new Uint8Array(8);
      new DataView(number.buffer).setBigUint64(0, BigInt(generation));
      await tpm.execute(nvDefineSpace(weak));
      await tpm.execute(nvWrite(owner, nvEntity(weak), 0, number));
    });
    await refusesBoth(machine, [old, newest], "tpm-nv-defined");
    await assert.rejects(machine.chip().seal(secret, "volume"), { code: "tpm-nv-defined" });
  });

  test("writes into the counter, or counts it up: it never goes down", async (context) => {
    const { machine, old, newest } = await superseded(context);
    const written = nvEntity(sealGeneration.written);
    await machine.raw(async (tpm) => {
      await assert.rejects(tpm.execute(nvWrite(owner, written, 0, new Uint8Array(8))), { name: "Fault" });
      await tpm.execute(nvIncrement(owner, written));
    });
    await refusesBoth(machine, [old, newest], "tpm-superseded");
  });

  test("says of an older blob that it is of the newest generation: the policy refuses it", async (context) => {
    const { machine, old, newest } = await superseded(context);
    const { generation } = decodeSealedBlob(newest);
    const forged = encodeSealedBlob({ ...decodeSealedBlob(old), generation });
    await assert.rejects(machine.chip().unseal(forged), { code: "tpm-policy" });
    const endless = encodeSealedBlob({ ...decodeSealedBlob(old), generation: generation + 2 });
    await assert.rejects(machine.chip().supersede(endless), { code: "tpm-other-chip" });
    assert.deepEqual(await machine.chip().unseal(newest), secret);
  });
});

/** What the counter holds; undefined where it was never written. */
const counted = (machine: TpmMachine): Promise<number | undefined> =>
  machine.raw(async (tpm: Tpm) => {
    const index = nvEntity(sealGeneration.written);
    const value = await tpm.execute(nvRead(index, index, { offset: 0, bytes: 8 })).catch(() => undefined);
    return value === undefined ? undefined : Number(Buffer.from(value).readBigUInt64BE());
  });

test("the power goes at every command of sealing anew, before and after it is done: something opens each time, and the rest is caught up", async (context) => {
  const machine = await TpmMachine.start(context);
  let kept = await machine.chip().seal(secret, "volume");
  let cuts = 0;
  let ended = false;
  for (let at = 0; !ended; at++) {
    for (const isDone of [false, true]) {
      let place = 0;
      machine.tap(async (command, transmit) => {
        if (place++ !== at) return transmit(command);
        if (isDone) await transmit(command);
        await machine.swtpm.cutPower();
        throw new Error("the power is gone");
      });
      const before = kept;
      try {
        // As the device does it: what is sealed is durable before what was sealed before is shut out.
        kept = await machine.chip().seal(secret, "volume", "next");
        await machine.chip().supersede(kept);
        ended = true;
      } catch {
        cuts++;
      }
      machine.tap((command, transmit) => transmit(command));
      await machine.reboot();
      assert.deepEqual(await machine.chip().unseal(kept), secret, `cut ${at}`);
      if (kept === before) continue;
      await machine.chip().supersede(kept);
      await assert.rejects(machine.chip().unseal(before), { code: "tpm-superseded" }, `cut ${at}`);
      assert.equal(await counted(machine), decodeSealedBlob(kept).generation);
    }
  }
  assert.ok(cuts > 30, String(cuts));
  assert.equal((await machine.chip().describe()).lockout, false);
});

test("the power goes between making and starting the counter: the next sealing starts it", async (context) => {
  const machine = await TpmMachine.start(context);
  machine.tap(async (command, transmit) => {
    const isIncrement = new DataView(command.buffer, command.byteOffset).getUint32(6) === 0x134;
    return isIncrement ? Promise.reject(new Error("the power is gone")) : transmit(command);
  });
  await assert.rejects(machine.chip().seal(secret, "pepper"), /power/);
  machine.tap((command, transmit) => transmit(command));
  await machine.reboot();
  assert.equal(await counted(machine), undefined);
  const blob = await machine.chip().seal(secret, "pepper");
  assert.deepEqual(await machine.chip().unseal(blob), secret);
});
