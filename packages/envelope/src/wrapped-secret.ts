import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import { ByteReader, concat, equalConstantTime, toUtf8 } from "@piccolo/bytes";
import { deriveKey, secretBytes } from "./key-tree.ts";

const tagBytes = 16;
/** Size of a wrapped secret: commitment 32, ciphertext 32, tag 16. */
export const wrappedSecretBytes = 80;

/** What is wrapped, which decides the labels. */
export type WrappedUse = "volume" | "previous-root" | "phrase-root";

// As with file keys, the salt of the wrapping key commits to secret and place: a key encrypts exactly one plaintext.
const fixedNonce = new Uint8Array(12);

/** 32 public bytes that fit this secret in this place only. */
function commitmentTo(secret: Uint8Array, use: WrappedUse, context: Uint8Array): Uint8Array {
  const info = concat(toUtf8(`piccolo/slots/v1/${use}-commitment`), context);
  return new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(0), info, secretBytes));
}

/** Wraps a random secret of 32 bytes. Equal input gives equal bytes, so that no random generator can do harm. */
export function wrapSecret(key: Uint8Array, use: WrappedUse, context: Uint8Array, secret: Uint8Array): Uint8Array {
  assert.equal(secret.length, secretBytes);
  const commitment = commitmentTo(secret, use, context);
  const wrappingKey = deriveKey(key, `${use}-wrap`, commitment);
  const cipher = createCipheriv("aes-256-gcm", wrappingKey, fixedNonce, { authTagLength: tagBytes });
  wrappingKey.fill(0);
  cipher.setAAD(context);
  const ciphertext = cipher.update(secret);
  cipher.final();
  return concat(commitment, ciphertext, cipher.getAuthTag());
}

/** Undefined where it does not open in this place. The secret is the caller's to erase. */
export function unwrapSecret(
  key: Uint8Array,
  use: WrappedUse,
  context: Uint8Array,
  wrapped: Uint8Array,
): Uint8Array | undefined {
  if (wrapped.length !== wrappedSecretBytes) return undefined;
  const reader = new ByteReader(wrapped);
  const commitment = reader.fixed(secretBytes);
  const ciphertext = reader.fixed(secretBytes);
  const tag = reader.fixed(tagBytes);
  const wrappingKey = deriveKey(key, `${use}-wrap`, commitment);
  const decipher = createDecipheriv("aes-256-gcm", wrappingKey, fixedNonce, { authTagLength: tagBytes });
  wrappingKey.fill(0);
  decipher.setAAD(context);
  decipher.setAuthTag(tag);
  const opened = decipher.update(ciphertext);
  const secret = new Uint8Array(opened);
  opened.fill(0);
  try {
    decipher.final();
  } catch {
    secret.fill(0);
    return undefined;
  }
  if (equalConstantTime(commitmentTo(secret, use, context), commitment)) return secret;
  secret.fill(0);
  return undefined;
}
