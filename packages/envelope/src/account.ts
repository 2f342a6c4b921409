import assert from "node:assert/strict";
import { createHash } from "node:crypto";

export const accountBytes = 32;

/** The account id: a domain-separated SHA-256 of the first epoch's owner public key (32 raw bytes). */
export function accountId(firstOwnerPublicKey: Uint8Array): Uint8Array {
  assert.equal(firstOwnerPublicKey.length, 32);
  return new Uint8Array(
    createHash("sha256").update("piccolo/envelope/v1/account\0").update(firstOwnerPublicKey).digest(),
  );
}
