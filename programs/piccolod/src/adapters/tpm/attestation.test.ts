/** Attestation with a real implementation as the one that attests, and none as the one that verifies. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { suite, test } from "node:test";
import { fromHex } from "@piccolo/bytes";
import {
  activateCredential,
  attestationKeyTemplate,
  create,
  createPrimary,
  endorsementKeyEccTemplate,
  endorsementKeyRsaTemplate,
  load,
  type LoadedObject,
  makeCredential,
  pointOf,
  policySecretCommand,
  type PublicArea,
  publicName,
  quoteCommand,
  verificationKey,
  verifyQuote,
} from "@piccolo/tpm2";
import { realWorld as world } from "@piccolo/world/real";
import { secret, endorsement, endorsementPolicy, withRoot, pcrsNow } from "../../../test-support/tpm-fixture.ts";
import { TpmMachine } from "../../../test-support/tpm-machine.ts";

const p256 = { namedCurve: "P-256" };

function keyPoint(key: LoadedObject): { readonly x: Uint8Array; readonly y: Uint8Array } {
  assert.ok(key.publicArea.type === "ecc");
  return key.publicArea.point;
}

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
