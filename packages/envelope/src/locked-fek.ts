import assert from "node:assert/strict";
import type { KeyObject } from "node:crypto";
import { ByteReader, ByteWriter, concat, equalConstantTime, malformed, toUtf8 } from "@piccolo/bytes";
import type { World } from "@piccolo/world";
import { accountBytes } from "./account.ts";
import { envelopeFaults } from "./faults.ts";
import { damagedKey, fekCommitment, versionIdBytes, type WrapContext, wrongEpoch } from "./fek.ts";
import { hpkeEncapsulatedBytes, hpkeOpen, hpkeSeal, hpkeTagBytes } from "./hpke.ts";
import { secretBytes } from "./key-tree.ts";

/** Size of a FEK sealed while locked: format 1, key epoch 4, encapsulated key 32, ciphertext 32, tag 16, commitment 32. */
export const lockedFekBytes = 117;
/** The first byte of a FEK sealed while locked; a wrapped FEK begins with 1. */
export const lockedFekFormat = 2;

const label = "piccolo/slots/v1/file-key-seal";

function infoOf({ account, versionId, epoch }: WrapContext): Uint8Array {
  return new ByteWriter()
    .raw(toUtf8(label))
    .fixed(account, accountBytes)
    .fixed(versionId, versionIdBytes)
    .u32(epoch)
    .finish();
}

/**
 * Seals a FEK made while the device is locked to the owner's file key (HPKE): `lockedFekBytes` bytes that `unwrapFek` of
 * the owner's keys opens. Throws `damaged-key` for a public key of small order.
 */
export function sealToFileKey(
  filePublicKey: Uint8Array,
  fek: Uint8Array,
  context: WrapContext,
  world: World,
): Uint8Array {
  assert.equal(fek.length, secretBytes);
  const commitment = fekCommitment(fek, context.versionId);
  const ephemeralIkm = world.randomBytes(32);
  const sealed = hpkeSeal(filePublicKey, infoOf(context), commitment, fek, ephemeralIkm);
  ephemeralIkm.fill(0);
  if (sealed === undefined) {
    throw envelopeFaults.fault("damaged-key", "the owner's file key is damaged: unlock the device to write it again");
  }
  return concat(
    new ByteWriter().u8(lockedFekFormat).u32(context.epoch).finish(),
    sealed.encapsulated,
    sealed.ciphertext,
    commitment,
  );
}

function parse(sealed: Uint8Array): {
  readonly epoch: number;
  readonly encapsulated: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly commitment: Uint8Array;
} {
  const reader = new ByteReader(sealed);
  if (reader.u8() !== lockedFekFormat) throw malformed("the sealed file key has a format this version does not know");
  const parts = {
    epoch: reader.u32(),
    encapsulated: reader.fixed(hpkeEncapsulatedBytes),
    ciphertext: reader.fixed(secretBytes + hpkeTagBytes),
    commitment: reader.fixed(secretBytes),
  };
  reader.end();
  return parts;
}

/** The key epoch a FEK sealed while locked names. Throws `malformed`. */
export function lockedFekEpoch(sealed: Uint8Array): number {
  return parse(sealed).epoch;
}

/** Throws `malformed`, `wrong-epoch` or `damaged-key`. The FEK is the caller's to erase. */
export function openWithFileKey(
  fileKey: { readonly privateKey: KeyObject; readonly publicKey: Uint8Array },
  sealed: Uint8Array,
  context: WrapContext,
): Uint8Array {
  const { epoch, encapsulated, ciphertext, commitment } = parse(sealed);
  if (epoch !== context.epoch) throw wrongEpoch(epoch, context.epoch);
  const fek = hpkeOpen(fileKey.privateKey, fileKey.publicKey, encapsulated, infoOf(context), commitment, ciphertext);
  if (fek === undefined) throw damagedKey();
  if (!equalConstantTime(fekCommitment(fek, context.versionId), commitment)) {
    fek.fill(0);
    throw damagedKey();
  }
  return fek;
}
