import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv } from "node:crypto";
import { ByteReader, ByteWriter, equalConstantTime, malformed } from "@piccolo/bytes";
import { accountBytes } from "./account.ts";
import { envelopeFaults } from "./faults.ts";
import { deriveKey, secretBytes } from "./key-tree.ts";

export const versionIdBytes = 16;
/** Size of a wrapped FEK: format 1, key epoch 4, ciphertext 32, tag 16, commitment 32. */
export const wrappedFekBytes = 85;

const format = 1;
const tagBytes = 16;

/** Whose key is wrapped, for which version, under which key epoch. */
export interface WrapContext {
  readonly account: Uint8Array;
  readonly versionId: Uint8Array;
  readonly epoch: number;
}

// A wrapping key serves exactly one (FEK, version) because the commitment to both is its salt. So the nonce may stay
// fixed and need not be stored, and no random generator can cause a repeated (key, nonce) pair.
const fixedNonce = new Uint8Array(12);

function associatedData(context: WrapContext): Uint8Array {
  return new ByteWriter()
    .u8(format)
    .fixed(context.account, accountBytes)
    .fixed(context.versionId, versionIdBytes)
    .u32(context.epoch)
    .finish();
}

/** 32 public bytes that fit this FEK and version only. AES-GCM alone lets one ciphertext open under two keys. */
export function fekCommitment(fek: Uint8Array, versionId: Uint8Array): Uint8Array {
  assert.equal(versionId.length, versionIdBytes);
  return deriveKey(fek, "fek-commitment", versionId);
}

export function wrapFekUnder(kek: Uint8Array, context: WrapContext, fek: Uint8Array): Uint8Array {
  assert.equal(fek.length, secretBytes);
  const commitment = fekCommitment(fek, context.versionId);
  const key = deriveKey(kek, "fek-wrap", commitment);
  const cipher = createCipheriv("aes-256-gcm", key, fixedNonce, { authTagLength: tagBytes });
  key.fill(0);
  cipher.setAAD(associatedData(context));
  const ciphertext = cipher.update(fek);
  cipher.final();
  return new ByteWriter()
    .u8(format)
    .u32(context.epoch)
    .fixed(ciphertext, secretBytes)
    .fixed(cipher.getAuthTag(), tagBytes)
    .fixed(commitment, secretBytes)
    .finish();
}

/** The key epoch a wrapped FEK of format 1 names. Throws `malformed`. */
export function wrappedEpoch(wrapped: Uint8Array): number {
  return parse(wrapped).epoch;
}

function parse(wrapped: Uint8Array): {
  epoch: number;
  ciphertext: Uint8Array;
  tag: Uint8Array;
  commitment: Uint8Array;
} {
  const reader = new ByteReader(wrapped);
  if (reader.u8() !== format) throw malformed("the wrapped file key has a format this version does not know");
  const parts = {
    epoch: reader.u32(),
    ciphertext: reader.fixed(secretBytes),
    tag: reader.fixed(tagBytes),
    commitment: reader.fixed(secretBytes),
  };
  reader.end();
  return parts;
}

/** Throws `malformed`, `wrong-epoch` or `damaged-key`. The FEK is the caller's to erase. */
export function unwrapFekUnder(kek: Uint8Array, context: WrapContext, wrapped: Uint8Array): Uint8Array {
  const { epoch, ciphertext, tag, commitment } = parse(wrapped);
  if (epoch !== context.epoch) {
    throw wrongEpoch(epoch, context.epoch);
  }
  const key = deriveKey(kek, "fek-wrap", commitment);
  const decipher = createDecipheriv("aes-256-gcm", key, fixedNonce, { authTagLength: tagBytes });
  key.fill(0);
  decipher.setAAD(associatedData(context));
  decipher.setAuthTag(tag);
  const opened = decipher.update(ciphertext);
  const fek = new Uint8Array(opened);
  opened.fill(0);
  try {
    decipher.final();
  } catch (cause) {
    fek.fill(0);
    throw damagedKey(cause);
  }
  if (!equalConstantTime(fekCommitment(fek, context.versionId), commitment)) {
    fek.fill(0);
    throw damagedKey();
  }
  return fek;
}

export function wrongEpoch(named: number, held: number): Error {
  return envelopeFaults.fault("wrong-epoch", `the file key is wrapped under key epoch ${named}, not ${held}`, {
    details: { epoch: named },
  });
}

export function damagedKey(cause?: unknown): Error {
  return envelopeFaults.fault(
    "damaged-key",
    "the wrapped file key does not open for this version: it is damaged or belongs to another file",
    { cause },
  );
}
