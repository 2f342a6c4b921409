/** The commands of packages/tpm2 against a real implementation: what we compute is what a TPM computes. */
import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { suite, test } from "node:test";
import { fromHex, toUtf8 } from "@piccolo/bytes";
import {
  activateCredential,
  approvalOf,
  attestationKeyTemplate,
  clear,
  commandCodes,
  type Command,
  comparisons,
  create,
  createPrimary,
  dictionaryAttackLockReset,
  dictionaryAttackParameters,
  ecdsaSignature,
  emptyPolicy,
  endorsementKeyEccTemplate,
  endorsementKeyRsaTemplate,
  entity,
  flushContext,
  getHandles,
  getProperties,
  getRandom,
  handleName,
  hash,
  load,
  loadExternal,
  type LoadedObject,
  makeCredential,
  nvAttributes,
  nvDefineSpace,
  nvEntity,
  type NvComparison,
  type NvPublic,
  nvRead,
  nvReadPublic,
  nvUndefineSpace,
  nvWrite,
  objectAttributes,
  pcrDigest,
  pcrExtend,
  pcrRead,
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
  properties,
  type PublicArea,
  publicName,
  quoteCommand,
  readPublicOf,
  sealedTemplate,
  type Session,
  sha256,
  shutdown,
  storageRootTemplate,
  Tpm,
  type TpmSignature,
  unseal,
  verificationKey,
  verifyQuote,
  verifySignature,
  type WrappedObject,
} from "@piccolo/tpm2";
import { realWorld as world } from "@piccolo/world/real";
import { TpmMachine } from "../../../test-support/tpm-machine.ts";
import { openSocketChannel } from "./socket-channel.ts";

const secret = toUtf8("a secret of 31 bytes for a chip.");
const defined: NvPublic = {
  handle: 0x0180_0001,
  attributes: nvAttributes.ownerWrite | nvAttributes.authRead | nvAttributes.noDa,
  authPolicy: new Uint8Array(0),
  sizeBytes: 8,
};
const index: NvPublic = { ...defined, attributes: defined.attributes | nvAttributes.written };
const owner = entity(permanentHandles.owner);
const endorsement = entity(permanentHandles.endorsement);
const endorsementPolicy = policySecret(emptyPolicy, endorsement.name);

function number(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

const notAbove = (release: number): NvComparison => ({
  operand: number(release),
  offset: 0,
  comparison: comparisons.unsignedLessOrEqual,
});

async function defineMinimum(tpm: Tpm, value: number): Promise<void> {
  await tpm.execute(nvDefineSpace(defined));
  await tpm.execute(nvWrite(owner, nvEntity(defined), 0, number(value)));
}

const withRoot = <Result>(tpm: Tpm, use: (root: LoadedObject) => Promise<Result>): Promise<Result> =>
  tpm.withObject(createPrimary("owner", { template: storageRootTemplate }), use);

async function pcrsNow(tpm: Tpm, pcrs: readonly number[]): Promise<Uint8Array> {
  return pcrDigest((await tpm.execute(pcrRead(pcrs))).values);
}

const seal = (tpm: Tpm, policy: Uint8Array): Promise<WrappedObject> =>
  withRoot(tpm, (root) => tpm.execute(create(root, { template: sealedTemplate(policy), data: secret })));

/** Unseals with a policy session salted to the root, after `satisfy` has collected the policy. */
const open = (tpm: Tpm, wrapped: WrappedObject, satisfy: (session: Session) => Promise<void>): Promise<Uint8Array> =>
  withRoot(tpm, (root) =>
    tpm.withSession({ type: "policy", saltKey: root }, async (session) => {
      await satisfy(session);
      return tpm.withObject(load(root, wrapped), (object) =>
        tpm.execute(unseal(object), { authorize: [{ session, encryptsResponse: true }] }),
      );
    }),
  );

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

suite("attestation", () => {
  const templates: readonly PublicArea[] = [
    endorsementKeyEccTemplate(endorsementPolicy),
    endorsementKeyRsaTemplate(endorsementPolicy),
  ];

  test("the endorsement key's policy is the one of the profile", () => {
    const profile = "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa";
    assert.deepEqual(endorsementPolicy, fromHex(profile));
  });

  for (const template of templates) {
    test(`a credential for an ${template.type} endorsement key opens in its TPM, for the named key alone`, async (context) => {
      const machine = await TpmMachine.start(context);
      await machine.raw(async (tpm) => {
        const wrapped = await withRoot(tpm, (root) => tpm.execute(create(root, { template: attestationKeyTemplate })));
        const activate = (ek: LoadedObject, named: Uint8Array): Promise<Uint8Array> => {
          const credential = makeCredential(ek.publicArea, named, secret, world);
          return withRoot(tpm, (root) =>
            tpm.withObject(load(root, wrapped), (key) =>
              tpm.withSession({ type: "policy" }, async (session) => {
                await tpm.execute(policySecretCommand(session, endorsement));
                return tpm.execute(activateCredential(key, ek, credential), {
                  authorize: [{ password: new Uint8Array(0) }, { session }],
                });
              }),
            ),
          );
        };
        await tpm.withObject(createPrimary("endorsement", { template }), async (ek) => {
          const name = publicName(wrapped.publicArea);
          assert.deepEqual(await activate(ek, name), secret);
          const wrongName = name.slice();
          wrongName[33] = (wrongName[33] ?? 0) ^ 1;
          await assert.rejects(activate(ek, wrongName), { code: "tpm-other-chip" });
        });
      });
    });
  }

  test("a quote is verified without a TPM; another nonce, key or a changed byte is refused", async (context) => {
    const machine = await TpmMachine.start(context);
    await machine.raw(async (tpm) => {
      const nonce = world.randomBytes(32);
      const quoteBy = (key: LoadedObject) => tpm.execute(quoteCommand(key, nonce, [0, 7, 11]));
      await tpm.withObject(createPrimary("endorsement", { template: attestationKeyTemplate }), async (key) => {
        const quoted = await quoteBy(key);
        const quote = verifyQuote(key.publicArea, quoted, nonce);
        assert.deepEqual(quote.pcrs, [0, 7, 11]);
        assert.deepEqual(quote.pcrDigest, await pcrsNow(tpm, [0, 7, 11]));
        assert.equal(quote.restartCount, 0);
        const refused = { code: "tpm-tampered" };
        assert.throws(() => verifyQuote(key.publicArea, quoted, world.randomBytes(32)), refused);
        assert.throws(() => verifyQuote(verificationKey(keyPoint(key)), quoted, nonce), refused);
        const other = { ...attestationKeyTemplate, point: pointOf(generateKeyPairSync("ec", p256).publicKey) };
        assert.throws(() => verifyQuote(other, quoted, nonce), refused);
        for (let at = 0; at < quoted.attest.length; at++) {
          const attest = quoted.attest.slice();
          attest[at] = (attest[at] ?? 0) ^ 0x10;
          assert.throws(() => verifyQuote(key.publicArea, { ...quoted, attest }, nonce), refused);
        }
      });
    });
  });
});

const p256 = { namedCurve: "P-256" };

function keyPoint(key: LoadedObject): { readonly x: Uint8Array; readonly y: Uint8Array } {
  assert.ok(key.publicArea.type === "ecc");
  return key.publicArea.point;
}

suite("a TPM's refusals", () => {
  test("wrong tries at a protected object end in a lockout, which ours do not feel", async (context) => {
    const machine = await TpmMachine.start(context);
    const blob = await machine.chip().seal(secret, "volume");
    await machine.raw(async (tpm) => {
      const limits = { tries: 3, recoverySeconds: 1_000, lockoutRecoverySeconds: 1_000 };
      await tpm.execute(dictionaryAttackParameters(limits));
      const guarded: PublicArea = {
        ...sealedTemplate(new Uint8Array(0)),
        attributes: objectAttributes.fixedTpm | objectAttributes.fixedParent | objectAttributes.userWithAuth,
      };
      await withRoot(tpm, async (root) => {
        const wrapped = await tpm.execute(
          create(root, { template: guarded, data: secret, authValue: toUtf8("right") }),
        );
        await tpm.withObject(load(root, wrapped), async (object) => {
          const tryIt = (password: string): Promise<Uint8Array> =>
            tpm.execute(unseal(object), { authorize: [{ password: toUtf8(password) }] });
          assert.deepEqual(await tryIt("right"), secret);
          for (let tries = 0; tries < 3; tries++) await assert.rejects(tryIt("wrong"), { code: "tpm-auth" });
          await assert.rejects(tryIt("right"), { code: "tpm-lockout", retry: "later" });
        });
      });
    });
    assert.equal((await machine.chip().describe()).lockout, true);
    assert.deepEqual(await machine.chip().unseal(blob), secret);
    await machine.raw((tpm) => tpm.execute(dictionaryAttackLockReset()));
    assert.equal((await machine.chip().describe()).lockout, false);
  });

  test("more objects than slots are tpm-full, and flushing one helps", async (context) => {
    const machine = await TpmMachine.start(context);
    await machine.raw(async (tpm) => {
      const make = () => tpm.execute(createPrimary("null", { template: storageRootTemplate }));
      const made = [await make(), await make(), await make()];
      await assert.rejects(make(), { code: "tpm-full" });
      assert.deepEqual(
        (await tpm.execute(getHandles("transient"))).values,
        made.map(({ handle }) => handle),
      );
      await tpm.execute(flushContext(made[0]?.handle ?? 0));
      const again = await make();
      const { publicArea, name } = await tpm.execute(readPublicOf(again.handle));
      assert.deepEqual(name, again.name);
      assert.deepEqual(publicArea, again.publicArea);
    });
  });

  test("an index that is absent, there twice, unwritten or too small is told apart", async (context) => {
    const machine = await TpmMachine.start(context);
    await machine.raw(async (tpm) => {
      const nv = nvEntity(defined);
      await assert.rejects(tpm.execute(nvReadPublic(defined.handle)), { code: "tpm-nv-missing" });
      await assert.rejects(tpm.execute(nvUndefineSpace(nv)), { code: "tpm-nv-missing" });
      await tpm.execute(nvDefineSpace(defined));
      await assert.rejects(tpm.execute(nvDefineSpace(defined)), { code: "tpm-nv-defined" });
      await assert.rejects(tpm.execute(nvRead(nv, nv, { offset: 0, bytes: 8 })), { code: "tpm-nv-missing" });
      await assert.rejects(tpm.execute(nvWrite(owner, nv, 4, number(1))), { code: "tpm-refused" });
      await tpm.execute(nvWrite(owner, nv, 0, number(5)));
      assert.deepEqual(await tpm.execute(nvReadPublic(defined.handle)), index);
      const written = nvEntity(index);
      assert.deepEqual(await tpm.execute(nvRead(written, written, { offset: 0, bytes: 8 })), number(5));
      await assert.rejects(tpm.execute(nvWrite(written, written, 0, number(9))), { code: "tpm-auth" });
      await tpm.execute(nvUndefineSpace(written));
      await assert.rejects(tpm.execute(nvReadPublic(defined.handle)), { code: "tpm-nv-missing" });
    });
  });

  test("a TPM that nobody started says so", async (context) => {
    const machine = await TpmMachine.start(context);
    const channel = await openSocketChannel(machine.swtpm.socketPath, { world });
    const tpm = new Tpm((command) => channel.transmit(command), world);
    await assert.rejects(tpm.execute(getRandom(16)), { code: "tpm-not-started" });
    await channel.close();
  });

  test("small questions have small answers", async (context) => {
    const machine = await TpmMachine.start(context);
    await machine.raw(async (tpm) => {
      await tpm.execute(shutdown("clear"));
      assert.equal((await tpm.execute(getRandom(16))).length, 16);
      assert.deepEqual(await tpm.execute(hash(secret)), sha256(secret));
      const limits = (await tpm.execute(getProperties(properties.lockoutCounter, 2))).values;
      assert.equal(limits.get(properties.lockoutCounter), 0);
    });
  });

  test("an answer's parameter is encrypted where asked for, in a session that authorizes nothing", async (context) => {
    const machine = await TpmMachine.start(context);
    const seen: Uint8Array[] = [];
    machine.tap(async (command, transmit) => {
      const answer = await transmit(command);
      seen.push(answer.slice());
      return answer;
    });
    await machine.chip().describe();
    await machine.raw((tpm) =>
      withRoot(tpm, (root) =>
        tpm.withSession({ type: "hmac", saltKey: root }, async (session) => {
          const random = await tpm.execute(getRandom(32), { extra: [{ session, encryptsResponse: true }] });
          assert.equal(random.length, 32);
          assert.ok(seen.every((answer) => !Buffer.from(answer).includes(random)));
        }),
      ),
    );
  });

  test("after a clear nothing sealed before opens", async (context) => {
    const machine = await TpmMachine.start(context);
    const blob = await machine.chip().seal(secret, "pepper");
    await machine.raw((tpm) => tpm.execute(clear()));
    await assert.rejects(machine.chip().unseal(blob), { code: "tpm-other-chip" });
    const again = await machine.chip().seal(secret, "pepper");
    assert.deepEqual(await machine.chip().unseal(again), secret);
  });

  test("a name of a handle is the handle", () => {
    assert.deepEqual(handleName(permanentHandles.owner), fromHex("40000001"));
  });
});
