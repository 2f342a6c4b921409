import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { keyFingerprint, type SignedPolicy } from "@piccolo/tpm2";
import { carried, makePolicyKey, pcr11Of, signRelease, startRelease } from "../../../test-support/release-key.ts";
import { TpmMachine } from "../../../test-support/tpm-machine.ts";

const secret = Uint8Array.from({ length: 32 }, (_, at) => at + 1);
const other = new Uint8Array(32).fill(9);
const key = makePolicyKey();
const strange = makePolicyKey();
const of = (release: number) => ({ release, signed: carried(release, key, signRelease(release, [key])) });

suite("what a release signs of its boots", () => {
  for (const kind of ["rsa", "ec"] as const) {
    test(`sealed once, it opens in every release that an ${kind} key signs, until the minimum is above`, async (context) => {
      const machine = await TpmMachine.start(context);
      const by = makePolicyKey(kind);
      const release = (number: number) => ({ release: number, signed: carried(number, by, signRelease(number, [by])) });
      await startRelease(machine, release(1));
      const blob = await machine.chip().seal(secret, "volume");
      for (const number of [1, 2, 1, 7]) {
        await startRelease(machine, release(number));
        assert.deepEqual(await machine.chip().unseal(blob), secret);
      }
      await machine.chip().raiseMinimumRelease(2, [blob]);
      await startRelease(machine, release(1));
      const tooOld = { code: "release-too-old", message: /older than the minimum/ };
      await assert.rejects(machine.chip().unseal(blob), tooOld);
      await assert.rejects(machine.chip().checkStart(), tooOld, "and nobody should type a secret into it");
      await startRelease(machine, release(2));
      await machine.chip().checkStart();
      assert.deepEqual(await machine.chip().unseal(blob), secret);
    });
  }

  test("the volume's key is given before the device is ready, the pepper then as well", async (context) => {
    const machine = await TpmMachine.start(context);
    await startRelease(machine, of(1));
    const volume = await machine.chip().seal(secret, "volume");
    const pepper = await machine.chip().seal(other, "pepper");
    assert.deepEqual(await machine.chip().unseal(pepper), other);
    await startRelease(machine, { ...of(1), phase: "ready" });
    await assert.rejects(machine.chip().unseal(volume), { code: "tpm-policy" });
    assert.deepEqual(await machine.chip().unseal(pepper), other);
    const later = await machine.chip().seal(secret, "volume");
    await startRelease(machine, of(1));
    assert.deepEqual(await machine.chip().unseal(later), secret, "sealed while it ran, for the next start");
  });

  for (const [what, start] of [
    ["Secure Boot is off, or has other keys", { ...of(1), measured: [7] }],
    ["the command line or a credential is another", { ...of(1), measured: [12] }],
    ["a system extension was loaded", { ...of(1), measured: [13] }],
    ["something of this boot had the key already", { ...of(1), measured: [15] }],
    ["one byte of the system is another", { ...of(1), image: 99 }],
  ] as const) {
    test(`it stays shut where ${what}`, async (context) => {
      const machine = await TpmMachine.start(context);
      await startRelease(machine, of(1));
      const blob = await machine.chip().seal(secret, "volume");
      await startRelease(machine, start);
      await assert.rejects(machine.chip().unseal(blob), (error: { code?: string }) =>
        ["tpm-policy", "tpm-window-closed"].includes(error.code ?? ""),
      );
      await startRelease(machine, of(1));
      assert.deepEqual(await machine.chip().unseal(blob), secret);
    });
  }

  test("a system that the firmware lets in, but whose boots nobody trusted signed, neither opens nor seals", async (context) => {
    const machine = await TpmMachine.start(context);
    await startRelease(machine, of(1));
    const blob = await machine.chip().seal(secret, "volume");
    const forged = signRelease(2, [strange]);
    for (const signed of [
      carried(2, key, []),
      carried(2, key, forged),
      carried(2, strange, forged),
      // The right key, and a signature of somebody else's.
      carried(
        2,
        key,
        forged.map((policy) => ({ ...policy, key: key.key })),
      ),
      // The right signature, of another release.
      { trustedKey: keyFingerprint(key.key), policies: { release: 2, policies: signRelease(1, [key]) } },
      { trustedKey: keyFingerprint(key.key), policies: undefined },
    ]) {
      await startRelease(machine, { release: 2, signed });
      await assert.rejects(machine.chip().unseal(blob), { code: "tpm-policy" });
      if (signed.trustedKey === keyFingerprint(strange.key)) continue;
      await assert.rejects(machine.chip().checkStart(), { code: "tpm-policy" });
      await assert.rejects(machine.chip().seal(secret, "volume"), { code: "tpm-policy" });
    }
    await startRelease(machine, of(1));
    await machine.chip().checkStart();
  });

  test("the TPM itself refuses what our own checks are talked into", async (context) => {
    const machine = await TpmMachine.start(context);
    await startRelease(machine, of(1));
    const blob = await machine.chip().seal(secret, "volume");
    const ready = signRelease(1, [key]).filter(({ phase }) => phase === "ready");
    // The pepper's approval for `ready`, called one for the volume.
    const renamed: readonly SignedPolicy[] = ready.map((policy) => ({ ...policy, use: "volume" }));
    await startRelease(machine, { ...of(1), phase: "ready", signed: carried(1, key, renamed) });
    await assert.rejects(machine.chip().unseal(blob), { code: "tpm-policy" });
    // Release 1 calls itself release 2, whose minimum it would pass.
    const policies = { release: 2, policies: signRelease(1, [key]) };
    await startRelease(machine, { release: 2, image: 1, signed: { trustedKey: keyFingerprint(key.key), policies } });
    await assert.rejects(machine.chip().unseal(blob), { code: "tpm-policy" });
  });

  test("another machine has nothing that opens it", async (context) => {
    const [mine, theirs] = [await TpmMachine.start(context), await TpmMachine.start(context)];
    await startRelease(mine, of(1));
    const blob = await mine.chip().seal(secret, "volume");
    await startRelease(theirs, of(1));
    await assert.rejects(theirs.chip().unseal(blob), { code: "tpm-other-chip" });
  });

  test("a data partition that somebody swapped for theirs, sealed in our TPM for our release, gives nothing of ours away", async (context) => {
    const machine = await TpmMachine.start(context);
    await startRelease(machine, of(1));
    const ours = await machine.chip().seal(secret, "volume");
    // All of the policy is public, and the TPM seals for whoever asks: theirs is as good as ours.
    const theirs = await machine.chip().seal(other, "volume");
    await startRelease(machine, of(1));
    assert.deepEqual(await machine.chip().unseal(theirs), other);
    await machine.chip().closeWindow(undefined);
    // From here on the device runs on what lies on their volume, and can ask the TPM for anything.
    await assert.rejects(machine.chip().unseal(ours), { code: "tpm-window-closed" });
    await startRelease(machine, of(1));
    assert.deepEqual(await machine.chip().unseal(ours), secret);
  });

  test("keys change from one release to the next over one that both sign, without a phrase", async (context) => {
    const machine = await TpmMachine.start(context);
    const next = makePolicyKey();
    const both = { release: 2, signed: carried(2, next, signRelease(2, [key, next])) };
    const after = { release: 3, signed: carried(3, next, signRelease(3, [next])) };
    await startRelease(machine, of(1));
    const blob = await machine.chip().seal(secret, "volume");
    assert.equal(await machine.chip().isOutdated(blob), false);
    await startRelease(machine, after);
    await assert.rejects(machine.chip().unseal(blob), { code: "tpm-policy", message: /sealed to/ });
    await startRelease(machine, both);
    assert.equal(await machine.chip().isOutdated(blob), true);
    const again = await machine.chip().seal(await machine.chip().unseal(blob), "volume");
    assert.equal(await machine.chip().isOutdated(again), false);
    await startRelease(machine, after);
    assert.deepEqual(await machine.chip().unseal(again), secret);
    await startRelease(machine, of(1));
    await assert.rejects(machine.chip().unseal(again), { code: "tpm-policy" });
  });

  test("what was sealed to a boot as it was is sealed anew once boots are signed", async (context) => {
    const machine = await TpmMachine.start(context);
    const blob = await machine.chip().seal(secret, "pepper");
    assert.equal(await machine.chip().isOutdated(blob), false);
    await startRelease(machine, of(1));
    assert.equal(await machine.chip().isOutdated(blob), true);
    assert.notDeepEqual(pcr11Of(1, "sysinit"), pcr11Of(1, "ready"));
  });
});
