/** What tests of the TPM's commands start from: an index, a secret, and a session that opens it. */
import assert from "node:assert/strict";
import { toUtf8 } from "@piccolo/bytes";
import {
  comparisons,
  create,
  createPrimary,
  dictionaryAttackParameters,
  emptyPolicy,
  entity,
  load,
  type LoadedObject,
  nvAttributes,
  nvDefineSpace,
  nvEntity,
  type NvComparison,
  type NvPublic,
  nvWrite,
  objectAttributes,
  pcrDigest,
  pcrRead,
  permanentHandles,
  policySecret,
  type PublicArea,
  sealedTemplate,
  type Session,
  storageRootTemplate,
  type Tpm,
  unseal,
  type WrappedObject,
} from "@piccolo/tpm2";

export const secret = toUtf8("a secret of 31 bytes for a chip.");
export const defined: NvPublic = {
  handle: 0x0180_0001,
  attributes: nvAttributes.ownerWrite | nvAttributes.authRead | nvAttributes.noDa,
  authPolicy: new Uint8Array(0),
  sizeBytes: 8,
};
export const index: NvPublic = { ...defined, attributes: defined.attributes | nvAttributes.written };
export const owner = entity(permanentHandles.owner);
export const endorsement = entity(permanentHandles.endorsement);
export const endorsementPolicy = policySecret(emptyPolicy, endorsement.name);

export function number(value: number | bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

export const notAbove = (release: number): NvComparison => ({
  operand: number(release),
  offset: 0,
  comparison: comparisons.unsignedLessOrEqual,
});

export async function defineMinimum(tpm: Tpm, value: number): Promise<void> {
  await tpm.execute(nvDefineSpace(defined));
  await tpm.execute(nvWrite(owner, nvEntity(defined), 0, number(value)));
}

export const withRoot = <Result>(tpm: Tpm, use: (root: LoadedObject) => Promise<Result>): Promise<Result> =>
  tpm.withObject(createPrimary("owner", { template: storageRootTemplate }), use);

/** Makes an object that is protected against guessing, of which `use` tries passwords; the right one is `right`. */
export const withGuarded = (tpm: Tpm, use: (tryIt: (password: string) => Promise<Uint8Array>) => Promise<void>) =>
  withRoot(tpm, async (root) => {
    const attributes = objectAttributes.fixedTpm | objectAttributes.fixedParent | objectAttributes.userWithAuth;
    const template: PublicArea = { ...sealedTemplate(new Uint8Array(0)), attributes };
    const wrapped = await tpm.execute(create(root, { template, data: secret, authValue: toUtf8("right") }));
    await tpm.withObject(load(root, wrapped), (object) =>
      use((password) => tpm.execute(unseal(object), { authorize: [{ password: toUtf8(password) }] })),
    );
  });

/** Guesses until the TPM refuses what is protected against it. */
export async function lockOut(tpm: Tpm): Promise<void> {
  await tpm.execute(dictionaryAttackParameters({ tries: 3, recoverySeconds: 1_000, lockoutRecoverySeconds: 1_000 }));
  await withGuarded(tpm, async (tryIt) => {
    assert.deepEqual(await tryIt("right"), secret);
    for (let tries = 0; tries < 3; tries++) await assert.rejects(tryIt("wrong"), { code: "tpm-auth" });
    await assert.rejects(tryIt("right"), { code: "tpm-lockout", retry: "later" });
  });
}

export async function pcrsNow(tpm: Tpm, pcrs: readonly number[]): Promise<Uint8Array> {
  return pcrDigest((await tpm.execute(pcrRead(pcrs))).values);
}

export const seal = (tpm: Tpm, policy: Uint8Array): Promise<WrappedObject> =>
  withRoot(tpm, (root) => tpm.execute(create(root, { template: sealedTemplate(policy), data: secret })));

/** Unseals with a policy session salted to the root, after `satisfy` has collected the policy. */
export const open = (
  tpm: Tpm,
  wrapped: WrappedObject,
  satisfy: (session: Session) => Promise<void>,
): Promise<Uint8Array> =>
  withRoot(tpm, (root) =>
    tpm.withSession({ type: "policy", saltKey: root }, async (session) => {
      await satisfy(session);
      return tpm.withObject(load(root, wrapped), (object) =>
        tpm.execute(unseal(object), { authorize: [{ session, encryptsResponse: true }] }),
      );
    }),
  );
