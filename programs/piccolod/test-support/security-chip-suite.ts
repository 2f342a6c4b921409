import assert from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";
import { predictPcr15 } from "@piccolo/attest";
import { toHex } from "@piccolo/bytes";
import type { SecurityChip } from "../src/security/security-chip.ts";

/** A chip in a machine that can be switched off and measured. */
export interface ChipMachine {
  /** The chip of this boot. */
  chip(): SecurityChip;
  /** Off and on again: a new `chip()`. */
  reboot(): Promise<void>;
  /** Something else than before was started: PCR 7 or 11 gets another value. */
  measure(pcr: 7 | 11): Promise<void>;
  /** The chip of another machine. */
  other(): Promise<SecurityChip>;
}

const identity = new Uint8Array(32).fill(9);
const secret = Uint8Array.from({ length: 32 }, (_, at) => at * 7 + 1);

function changed(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

export function securityChipSuite(name: string, make: (context: TestContext) => Promise<ChipMachine>): void {
  suite(`${name} as a security chip`, () => {
    test("bytes it never sealed are refused as another chip's", async (context) => {
      const chip = (await make(context)).chip();
      for (const bytes of [new Uint8Array(0), new Uint8Array(1), new Uint8Array(500).fill(1)]) {
        await assert.rejects(chip.unseal(bytes), { code: "tpm-other-chip" });
      }
    });

    test("another chip refuses the blob", async (context) => {
      const machine = await make(context);
      const blob = await machine.chip().seal(secret, "pepper");
      const other = await machine.other();
      await assert.rejects(other.unseal(blob), { code: "tpm-other-chip" });
    });

    test("a blob cut short, longer or changed never opens", async (context) => {
      const chip = (await make(context)).chip();
      const blob = await chip.seal(secret, "pepper");
      const longer = new Uint8Array(blob.length + 1);
      longer.set(blob);
      const wrong = [blob.subarray(0, -1), longer, changed(blob, blob.length - 1), changed(blob, blob.length >> 1)];
      for (const bytes of wrong) await assert.rejects(chip.unseal(bytes), /tpm|TPM|start/);
    });

    test("an empty secret and one over 128 bytes are bugs", async (context) => {
      const chip = (await make(context)).chip();
      await assert.rejects(async () => chip.seal(new Uint8Array(0), "pepper"), { code: "ERR_ASSERTION" });
      await assert.rejects(async () => chip.seal(new Uint8Array(129), "pepper"), { code: "ERR_ASSERTION" });
    });

    for (const pcr of [7, 11] as const) {
      for (const use of ["volume", "pepper"] as const) {
        test(`what was sealed for ${use} stays shut when PCR ${pcr} differs, and opens after a good boot`, async (context) => {
          const machine = await make(context);
          const blob = await machine.chip().seal(secret, use);
          await machine.measure(pcr);
          await assert.rejects(machine.chip().unseal(blob), { code: "tpm-policy" });
          await machine.reboot();
          assert.deepEqual(await machine.chip().unseal(blob), secret);
        });
      }
    }

    test("the window closes for the volume alone, twice the same, until the next boot", async (context) => {
      const machine = await make(context);
      const volume = await machine.chip().seal(secret, "volume");
      const pepper = await machine.chip().seal(secret, "pepper");
      assert.deepEqual(await machine.chip().unseal(volume), secret);
      await machine.chip().closeWindow(identity);
      await machine.chip().closeWindow(identity);
      await assert.rejects(machine.chip().unseal(volume), { code: "tpm-window-closed" });
      assert.deepEqual(await machine.chip().unseal(pepper), secret);
      await machine.reboot();
      assert.deepEqual(await machine.chip().unseal(volume), secret);
    });

    test("sealed after the window closed, the volume key opens at the next boot", async (context) => {
      const machine = await make(context);
      await machine.chip().closeWindow(undefined);
      const blob = await machine.chip().seal(secret, "volume");
      await assert.rejects(machine.chip().unseal(blob), { code: "tpm-window-closed" });
      await machine.reboot();
      assert.deepEqual(await machine.chip().unseal(blob), secret);
    });

    test("PCR 15 tells which volume was opened, at once or after it stayed closed, however often it is told", async (context) => {
      const machine = await make(context);
      const told = async (): Promise<string> => toHex((await machine.chip().pcrs()).get(15) ?? new Uint8Array(0));
      const [closed] = predictPcr15(undefined).map(toHex);
      const [atOnce, later] = predictPcr15(identity).map(toHex);
      for (let time = 0; time < 2; time++) {
        await machine.chip().closeWindow(undefined);
        assert.equal(await told(), closed);
      }
      for (const again of [identity, identity, undefined]) {
        await machine.chip().closeWindow(again);
        assert.equal(await told(), later);
      }
      await machine.reboot();
      for (const again of [identity, identity, undefined]) {
        await machine.chip().closeWindow(again);
        assert.equal(await told(), atOnce);
      }
      const other = new Uint8Array(32).fill(8);
      await machine.chip().closeWindow(other);
      assert.ok(![atOnce, later, ...predictPcr15(other).map(toHex)].includes(await told()));
    });

    for (const use of ["volume", "pepper"] as const) {
      test(`what is sealed for ${use} later opens at once, and supersedes for good what was sealed before`, async (context) => {
        const machine = await make(context);
        const old = await machine.chip().seal(secret, use);
        const otherUse = await machine.chip().seal(secret, use === "volume" ? "pepper" : "volume");
        const later = await machine.chip().seal(secret, use, "next");
        const both = async (): Promise<void> => {
          assert.deepEqual(await machine.chip().unseal(old), secret);
          assert.deepEqual(await machine.chip().unseal(later), secret);
        };
        await both();
        await machine.reboot();
        await both();
        await machine.chip().supersede(later);
        await machine.chip().supersede(later);
        await machine.chip().supersede(old);
        for (let boot = 0; boot < 2; boot++) {
          await assert.rejects(machine.chip().unseal(old), { code: "tpm-superseded" });
          await assert.rejects(machine.chip().unseal(otherUse), { code: "tpm-superseded" });
          assert.deepEqual(await machine.chip().unseal(later), secret);
          await machine.reboot();
        }
        const now = await machine.chip().seal(secret, use);
        await machine.chip().supersede(now);
        assert.deepEqual(await machine.chip().unseal(later), secret, "what is sealed for now is of the same time");
      });
    }

    test("only its own blobs supersede anything", async (context) => {
      const machine = await make(context);
      const blob = await machine.chip().seal(secret, "pepper");
      const later = await machine.chip().seal(secret, "pepper", "next");
      const foreign = await (await machine.other()).seal(secret, "pepper", "next");
      for (const bytes of [new Uint8Array(0), new Uint8Array(500).fill(1), later.subarray(0, 40), foreign]) {
        await assert.rejects(machine.chip().supersede(bytes), { code: "tpm-other-chip" });
      }
      assert.deepEqual(await machine.chip().unseal(blob), secret);
    });

    test("secrets of 1 and of 128 bytes come back, in many calls at once", async (context) => {
      const chip = (await make(context)).chip();
      const secrets = [1, 128, 31, 64, 2].map((length) => new Uint8Array(length).fill(length));
      const blobs = await Promise.all(secrets.map((each) => chip.seal(each, "volume")));
      assert.deepEqual(await Promise.all(blobs.map((blob) => chip.unseal(blob))), secrets);
    });

    test("the same secret sealed twice gives two blobs, and none shows it", async (context) => {
      const chip = (await make(context)).chip();
      const [one, two] = [await chip.seal(secret, "pepper"), await chip.seal(secret, "pepper")];
      assert.notDeepEqual(one, two);
      assert.ok(!Buffer.from(one).includes(secret));
    });

    test("it tells what was measured in this boot, and forgets it with the next", async (context) => {
      const machine = await make(context);
      const before = await machine.chip().pcrs();
      assert.deepEqual(
        [...before.keys()],
        Array.from({ length: 16 }, (_, pcr) => pcr),
      );
      assert.ok([...before.values()].every((value) => value.length === 32 && value.every((byte) => byte === 0)));
      await machine.measure(7);
      await machine.chip().closeWindow(identity);
      const after = await machine.chip().pcrs();
      const changed = [...after].filter(([pcr, value]) => Buffer.compare(value, before.get(pcr) ?? value) !== 0);
      assert.deepEqual(
        changed.map(([pcr]) => pcr),
        [7, 15],
      );
      await machine.reboot();
      assert.deepEqual(await machine.chip().pcrs(), before);
    });

    test("it says which one it is, in every boot the same and never another one's", async (context) => {
      const machine = await make(context);
      const identity = await machine.chip().identity();
      assert.match(identity.endorsementKey, /^[0-9a-f]{64}$/);
      assert.deepEqual(identity.certificates, []);
      assert.deepEqual(await machine.chip().identity(), identity);
      const others = await machine.other();
      assert.notEqual((await others.identity()).endorsementKey, identity.endorsementKey);
      await machine.measure(7);
      await machine.chip().closeWindow(undefined);
      assert.deepEqual(await machine.chip().identity(), identity);
      await machine.reboot();
      assert.deepEqual(await machine.chip().identity(), identity);
    });

    test("it says who made it, and is closed for good", async (context) => {
      const chip = (await make(context)).chip();
      const described = await chip.describe();
      assert.equal(described.lockout, false);
      assert.equal(described.simulated, true);
      assert.notEqual(described.manufacturer, "");
      await chip.close();
      await assert.rejects(chip.describe(), { code: "tpm-missing" });
      await assert.rejects(chip.identity(), { code: "tpm-missing" });
      await assert.rejects(chip.seal(secret, "pepper"), { code: "tpm-missing" });
    });
  });
}
