/** Which chip it is, of a real implementation in the states that others bring it into. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { suite, test } from "node:test";
import { concat, fromHex } from "@piccolo/bytes";
import {
  clear,
  type Command,
  createPrimary,
  endorsementKeyEccTemplate,
  entity,
  getHandles,
  getProperties,
  nvAttributes,
  nvDefineSpace,
  permanentHandles,
  properties,
  type Tpm,
} from "@piccolo/tpm2";
import { endorsementPolicy, lockOut } from "../../../test-support/tpm-fixture.ts";
import { TpmMachine } from "../../../test-support/tpm-machine.ts";

const createPrimaryCode = 0x131;
const codeOf = (command: Uint8Array): number => Buffer.from(command).readUInt32BE(6);
/** RFC 5480 around an uncompressed point of P-256. */
const spkiPrefix = fromHex("3059301306072a8648ce3d020106082a8648ce3d03010703420004");

/** What nothing of ours does to a hierarchy: TPM2_HierarchyChangeAuth (24.8) and TPM2_HierarchyControl (24.2). */
const onEndorsement = (name: string, code: number, parameters: string): Command<void> => ({
  name,
  code,
  entities: [entity(permanentHandles.endorsement)],
  authorized: 1,
  parameters: fromHex(parameters),
  decode: () => undefined,
});
const setPassword = onEndorsement("hierarchyChangeAuth", 0x129, "0003616263");
const switchOff = onEndorsement("hierarchyControl", 0x121, "4000000b00");

async function wrongTries(tpm: Tpm): Promise<number | undefined> {
  return (await tpm.execute(getProperties(properties.lockoutCounter, 1))).values.get(properties.lockoutCounter);
}

suite("the identity of a TPM", () => {
  for (const [what, close, code] of [
    ["has a password", setPassword, "tpm-auth"],
    ["is switched off", switchOff, "tpm-refused"],
  ] as const) {
    test(`is not given where the endorsement hierarchy ${what}, and asking counts as no wrong try`, async (context) => {
      const machine = await TpmMachine.start(context);
      await machine.raw((tpm) => tpm.execute(close));
      for (let ask = 0; ask < 40; ask++) await assert.rejects(machine.chip().identity(), { code });
      assert.equal((await machine.chip().describe()).lockout, false);
      assert.equal(await machine.raw(wrongTries), 0);
      assert.deepEqual(await machine.chip().unseal(await machine.chip().seal(spkiPrefix, "pepper")), spkiPrefix);
    });
  }

  test("is the SHA-256 of the key of the profile's template, also in a lockout and after the chip was cleared", async (context) => {
    const machine = await TpmMachine.start(context);
    const { endorsementKey } = await machine.chip().identity();
    await machine.raw(async (tpm) => {
      const template = endorsementKeyEccTemplate(endorsementPolicy);
      await tpm.withObject(createPrimary("endorsement", { template }), async ({ publicArea }) => {
        assert.ok(publicArea.type === "ecc");
        const spki = concat(spkiPrefix, publicArea.point.x, publicArea.point.y);
        assert.equal(spki.length, 91);
        assert.equal(endorsementKey, createHash("sha256").update(spki).digest("hex"));
      });
      await lockOut(tpm);
    });
    assert.equal((await machine.chip().identity()).endorsementKey, endorsementKey);
    await machine.raw((tpm) => tpm.execute(clear()));
    assert.equal((await machine.chip().identity()).endorsementKey, endorsementKey);
  });

  test("tells which certificates the maker left, and takes no other index for one", async (context) => {
    const machine = await TpmMachine.start(context);
    const define = (handle: number) =>
      machine.raw((tpm) =>
        tpm.execute(
          nvDefineSpace({
            handle,
            attributes: nvAttributes.ownerWrite | nvAttributes.ownerRead | nvAttributes.authRead | nvAttributes.noDa,
            authPolicy: new Uint8Array(0),
            sizeBytes: 8,
          }),
        ),
      );
    const certificates = async () => (await machine.chip().identity()).certificates;
    await define(0x01c0_0003);
    await define(0x0180_0002);
    assert.deepEqual(await certificates(), []);
    await define(0x01c0_000a);
    assert.deepEqual(await certificates(), ["ecc-p256"]);
    await define(0x01c0_0002);
    assert.deepEqual(await certificates(), ["rsa-2048", "ecc-p256"]);
  });

  test("is made once, however often and at once it is asked for, and stays in no slot", async (context) => {
    const machine = await TpmMachine.start(context);
    let made = 0;
    machine.tap((command, transmit) => {
      if (codeOf(command) === createPrimaryCode) made++;
      return transmit(command);
    });
    const answers = await Promise.all(Array.from({ length: 20 }, () => machine.chip().identity()));
    assert.equal(new Set(answers.map(({ endorsementKey }) => endorsementKey)).size, 1);
    assert.equal(made, 1);
    await machine.raw(async (tpm) => {
      for (const range of ["transient", "loadedSession", "savedSession"] as const) {
        assert.deepEqual((await tpm.execute(getHandles(range))).values, [], range);
      }
    });
  });

  test("power cuts while it is made leave nothing behind and count as no wrong try", async (context) => {
    const machine = await TpmMachine.start(context);
    const { endorsementKey } = await machine.chip().identity();
    for (let cut = 0; cut < 10; cut++) {
      await machine.reboot();
      machine.tap(async (command, transmit) => {
        if (codeOf(command) !== createPrimaryCode) return transmit(command);
        // Cut before the chip has the command, or after it has done it.
        if (cut % 2 === 1) await transmit(command);
        await machine.swtpm.cutPower();
        throw new Error("the power is gone");
      });
      await assert.rejects(machine.chip().identity(), /power/);
      machine.tap((command, transmit) => transmit(command));
    }
    await machine.reboot();
    assert.equal((await machine.chip().identity()).endorsementKey, endorsementKey);
    assert.equal(await machine.raw(wrongTries), 0);
  });

  test("an answer changed on its way is malformed", async (context) => {
    const machine = await TpmMachine.start(context);
    machine.tap(async (command, transmit) => {
      const answer = Uint8Array.from(await transmit(command));
      if (codeOf(command) === createPrimaryCode) answer[answer.length >> 1] = (answer[answer.length >> 1] ?? 0) ^ 1;
      return answer;
    });
    await assert.rejects(machine.chip().identity(), { code: "tpm-malformed" });
  });
});
