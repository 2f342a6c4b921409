/** Policies of packages/tpm2 against a real implementation: what we compute is what a TPM computes. */
import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { suite, test } from "node:test";
import { toUtf8 } from "@piccolo/bytes";
import {
  approvalOf,
  commandCodes,
  type Command,
  create,
  ecdsaSignature,
  emptyPolicy,
  load,
  loadExternal,
  nvEntity,
  nvWrite,
  objectAttributes,
  pcrDigest,
  pcrExtend,
  permanentHandles,
  pointOf,
  policyAuthorize,
  policyAuthorizeCommand,
  policyAuthValue,
  policyAuthValueCommand,
  policyCommandCode,
  policyCommandCodeCommand,
  policyGetDigest,
  policyNv,
  policyNvCommand,
  policyOr,
  policyOrCommand,
  policyPcr,
  policyPcrCommand,
  policySecret,
  policySecretCommand,
  type PublicArea,
  publicName,
  sealedTemplate,
  type Session,
  sha256,
  type TpmSignature,
  unseal,
  verificationKey,
  verifySignature,
} from "@piccolo/tpm2";
import {
  secret,
  index,
  owner,
  endorsement,
  number,
  notAbove,
  defineMinimum,
  withRoot,
  pcrsNow,
  seal,
  open,
} from "../../../test-support/tpm-fixture.ts";
import { TpmMachine } from "../../../test-support/tpm-machine.ts";

interface ReleaseKey {
  readonly area: PublicArea;
  sign(message: Uint8Array): TpmSignature;
}

function ecdsaReleaseKey(): ReleaseKey {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    area: verificationKey(pointOf(publicKey)),
    sign: (message) => ecdsaSignature(sign("sha256", message, { key: privateKey, dsaEncoding: "ieee-p1363" })),
  };
}

function rsaReleaseKey(): ReleaseKey {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const { n = "" } = publicKey.export({ format: "jwk" });
  const area: PublicArea = {
    type: "rsa",
    attributes: objectAttributes.sign | objectAttributes.userWithAuth,
    authPolicy: new Uint8Array(0),
    symmetric: "none",
    scheme: "rsassa-sha256",
    bits: 2048,
    modulus: new Uint8Array(Buffer.from(n, "base64url")),
  };
  return { area, sign: (message) => ({ scheme: "rsassa-sha256", signature: sign("sha256", message, privateKey) }) };
}

suite("policies as a TPM computes them", () => {
  test("every step comes to the digest of a trial session", async (context) => {
    const machine = await TpmMachine.start(context);
    await machine.raw(async (tpm) => {
      await defineMinimum(tpm, 1);
      const values = await pcrsNow(tpm, [7, 11]);
      const nv = nvEntity(index);
      const releaseKey = publicName(ecdsaReleaseKey().area);
      const ticket = { hierarchy: permanentHandles.owner, digest: new Uint8Array(32) };
      const onPcr = policyPcr(emptyPolicy, [11, 7], values);
      const branches = [onPcr, policyAuthValue(emptyPolicy)];
      const reference = toUtf8("a reference");
      const steps: readonly (readonly [string, Uint8Array, (session: Session) => Command<unknown>])[] = [
        ["PCR", onPcr, (session) => policyPcrCommand(session, [7, 11])],
        ["NV", policyNv(onPcr, nv.name, notAbove(2)), (session) => policyNvCommand(session, nv, nv, notAbove(2))],
      ];
      await tpm.withSession({ type: "trial" }, async (session) => {
        for (const [what, digest, command] of steps) {
          await tpm.execute(command(session));
          assert.deepEqual(await tpm.execute(policyGetDigest(session)), digest, what);
        }
        await tpm.execute(policyAuthorizeCommand(session, { policy: emptyPolicy, keyName: releaseKey }, ticket));
        assert.deepEqual(await tpm.execute(policyGetDigest(session)), policyAuthorize(releaseKey));
        await tpm.execute(policySecretCommand(session, endorsement, reference));
        const secretly = policySecret(policyAuthorize(releaseKey), endorsement.name, reference);
        assert.deepEqual(await tpm.execute(policyGetDigest(session)), secretly);
        await tpm.execute(policyOrCommand(session, branches));
        assert.deepEqual(await tpm.execute(policyGetDigest(session)), policyOr(branches));
        await tpm.execute(policyAuthValueCommand(session));
        const withValue = policyAuthValue(policyOr(branches));
        assert.deepEqual(await tpm.execute(policyGetDigest(session)), withValue);
        await tpm.execute(policyCommandCodeCommand(session, commandCodes.unseal));
        const forUnseal = policyCommandCode(withValue, commandCodes.unseal);
        assert.deepEqual(await tpm.execute(policyGetDigest(session)), forUnseal);
      });
      await tpm.withSession({ type: "trial" }, async (session) => {
        const approved = { policy: emptyPolicy, policyRef: reference, keyName: releaseKey };
        await tpm.execute(policyAuthorizeCommand(session, approved, ticket));
        assert.deepEqual(await tpm.execute(policyGetDigest(session)), policyAuthorize(releaseKey, reference));
      });
    });
  });

  for (const [kind, makeKey] of [
    ["ECDSA", ecdsaReleaseKey],
    ["RSA", rsaReleaseKey],
  ] as const) {
    test(`one seal serves all releases an ${kind} key signs, until the minimum shuts the old one out`, async (context) => {
      const machine = await TpmMachine.start(context);
      const key = makeKey();
      const keyName = publicName(key.area);
      const nv = nvEntity(index);
      const boots = new Map([1, 2].map((release) => [release, sha256(number(release))]));
      const pcrsOf = (release: number): Uint8Array =>
        pcrDigest(new Map([[11, sha256(new Uint8Array(32), boots.get(release) ?? emptyPolicy)]]));
      const policyOf = (release: number): Uint8Array =>
        policyNv(policyPcr(emptyPolicy, [11], pcrsOf(release)), nv.name, notAbove(release));
      const signatures = new Map([1, 2].map((release) => [release, key.sign(approvalOf(policyOf(release)))]));

      const boot = async (release: number): Promise<void> => {
        await machine.reboot();
        await machine.raw((tpm) => tpm.execute(pcrExtend(11, boots.get(release) ?? emptyPolicy)));
      };
      const openAs = (release: number, signature = signatures.get(release)): Promise<Uint8Array> =>
        machine.raw((tpm) =>
          open(tpm, wrapped, async (session) => {
            assert.ok(signature !== undefined);
            await tpm.execute(policyPcrCommand(session, [11]));
            await tpm.execute(policyNvCommand(session, nv, nv, notAbove(release)));
            const ticket = await tpm.withObject(loadExternal(key.area), (loaded) =>
              tpm.execute(verifySignature(loaded, sha256(approvalOf(policyOf(release))), signature)),
            );
            await tpm.execute(policyAuthorizeCommand(session, { policy: policyOf(release), keyName }, ticket));
          }),
        );
      const wrapped = await machine.raw(async (tpm) => {
        await defineMinimum(tpm, 1);
        return seal(tpm, policyAuthorize(keyName));
      });

      await boot(1);
      assert.deepEqual(await openAs(1), secret);
      await assert.rejects(openAs(1, signatures.get(2)), { code: "tpm-policy" });
      await assert.rejects(openAs(2), { code: "tpm-policy" });
      await boot(2);
      assert.deepEqual(await openAs(2), secret);
      await boot(1);
      assert.deepEqual(await openAs(1), secret);
      await machine.raw((tpm) => tpm.execute(nvWrite(owner, nv, 0, number(2))));
      await assert.rejects(openAs(1), { code: "tpm-policy" });
      await boot(2);
      assert.deepEqual(await openAs(2), secret);
    });
  }

  test("a ticket made up or of another policy is no signature", async (context) => {
    const machine = await TpmMachine.start(context);
    await machine.raw(async (tpm) => {
      const key = ecdsaReleaseKey();
      const keyName = publicName(key.area);
      const policy = policyPcr(emptyPolicy, [11], await pcrsNow(tpm, [11]));
      const real = await tpm.withObject(loadExternal(key.area), (loaded) =>
        tpm.execute(verifySignature(loaded, sha256(approvalOf(emptyPolicy)), key.sign(approvalOf(emptyPolicy)))),
      );
      for (const ticket of [real, { ...real, digest: new Uint8Array(32) }]) {
        await tpm.withSession({ type: "policy" }, async (session) => {
          await tpm.execute(policyPcrCommand(session, [11]));
          const authorize = policyAuthorizeCommand(session, { policy, keyName }, ticket);
          await assert.rejects(tpm.execute(authorize), { code: "tpm-policy" });
        });
      }
    });
  });

  test("either of two branches opens, a third does not", async (context) => {
    const machine = await TpmMachine.start(context);
    const start = new Uint8Array(32);
    const after = (...digests: readonly Uint8Array[]): Uint8Array =>
      pcrDigest(new Map([[7, digests.reduce((value, digest) => sha256(value, digest), start)]]));
    const [one, two, three] = [1, 2, 3].map((each) => sha256(Uint8Array.of(each)));
    assert.ok(one !== undefined && two !== undefined && three !== undefined);
    const branches = [one, two].map((each) => policyPcr(emptyPolicy, [7], after(each)));
    const wrapped = await machine.raw((tpm) => seal(tpm, policyOr(branches)));
    const openAfter = async (measured: Uint8Array): Promise<Uint8Array> => {
      await machine.reboot();
      return machine.raw(async (tpm) => {
        await tpm.execute(pcrExtend(7, measured));
        return open(tpm, wrapped, async (session) => {
          await tpm.execute(policyPcrCommand(session, [7]));
          await tpm.execute(policyOrCommand(session, branches));
        });
      });
    };
    assert.deepEqual(await openAfter(one), secret);
    assert.deepEqual(await openAfter(two), secret);
    await assert.rejects(openAfter(three), { code: "tpm-policy" });
  });

  test("a PCR that changes between the policy and its use shuts the session", async (context) => {
    const machine = await TpmMachine.start(context);
    await machine.raw(async (tpm) => {
      const wrapped = await seal(tpm, policyPcr(emptyPolicy, [11], await pcrsNow(tpm, [11])));
      const opening = open(tpm, wrapped, async (session) => {
        await tpm.execute(policyPcrCommand(session, [11]));
        await tpm.execute(pcrExtend(11, sha256(secret)));
      });
      await assert.rejects(opening, { code: "tpm-policy" });
    });
  });

  test("an authorization value a policy asks for is proven in both directions, and a wrong one refused", async (context) => {
    const machine = await TpmMachine.start(context);
    await machine.raw(async (tpm) => {
      const template = sealedTemplate(policyAuthValue(emptyPolicy));
      const right = toUtf8("right\0");
      const wrapped = await withRoot(tpm, (root) =>
        tpm.withSession({ type: "hmac", saltKey: root }, (session) =>
          tpm.execute(create(root, { template, data: secret, authValue: right }), {
            authorize: [{ session, encryptsCommand: true }],
          }),
        ),
      );
      const openWith = (authValue: Uint8Array): Promise<Uint8Array> =>
        withRoot(tpm, (root) =>
          tpm.withObject(load(root, wrapped), (object) =>
            tpm.withSession({ type: "policy", saltKey: root }, async (session) => {
              await tpm.execute(policyAuthValueCommand(session));
              const use = { session, authValue, provesAuthValue: true, encryptsResponse: true };
              return tpm.execute(unseal(object), { authorize: [use] });
            }),
          ),
        );
      assert.deepEqual(await openWith(toUtf8("right")), secret);
      await assert.rejects(openWith(toUtf8("wrong")), { code: "tpm-auth" });
    });
  });
});
