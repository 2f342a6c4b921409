import { createCipheriv, createDecipheriv } from "node:crypto";
import { ByteReader, ByteWriter, equalConstantTime } from "@piccolo/bytes";
import { deriveCommittedKey, secretBytes } from "./key-tree.ts";

const tagBytes = 16;
export const sealSaltBytes = 32;
/** What a seal adds to its plaintext: commitment 32, tag 16. */
export const committedSealBytes = secretBytes + tagBytes;

// The salt is drawn for one seal alone, so its key encrypts one plaintext and the nonce may stay fixed.
const fixedNonce = new Uint8Array(12);

/** What a seal is made under; sealer and opener must agree in all of it. */
export interface SealContext {
  /** 32 bytes; stays the caller's. */
  readonly key: Uint8Array;
  /** 32 bytes, never used for another plaintext under the same key and info. */
  readonly salt: Uint8Array;
  /** Begins with a label of its use. */
  readonly info: Uint8Array;
  readonly associatedData: Uint8Array;
}

/** commitment ‖ ciphertext ‖ tag. */
export function sealCommitted({ key, salt, info, associatedData }: SealContext, plain: Uint8Array): Uint8Array {
  const derived = deriveCommittedKey(key, salt, info);
  const cipher = createCipheriv("aes-256-gcm", derived.key, fixedNonce, { authTagLength: tagBytes });
  derived.key.fill(0);
  cipher.setAAD(associatedData);
  const ciphertext = cipher.update(plain);
  cipher.final();
  return new ByteWriter().raw(derived.commitment).raw(ciphertext).raw(cipher.getAuthTag()).finish();
}

/** Undefined where it does not open; nothing opened is kept then. The plaintext is fresh memory, the caller's to erase. */
export function openCommitted(
  { key, salt, info, associatedData }: SealContext,
  sealed: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < committedSealBytes) return undefined;
  const reader = new ByteReader(sealed);
  const commitment = reader.fixed(secretBytes);
  const ciphertext = reader.fixed(reader.remaining - tagBytes);
  const tag = reader.fixed(tagBytes);
  const derived = deriveCommittedKey(key, salt, info);
  const committed = equalConstantTime(derived.commitment, commitment);
  const decipher = createDecipheriv("aes-256-gcm", derived.key, fixedNonce, { authTagLength: tagBytes });
  derived.key.fill(0);
  if (!committed) return undefined;
  decipher.setAAD(associatedData);
  decipher.setAuthTag(tag);
  const opened = decipher.update(ciphertext);
  try {
    decipher.final();
    return new Uint8Array(opened);
  } catch {
    return undefined;
  } finally {
    opened.fill(0);
  }
}
