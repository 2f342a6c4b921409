/**
 * What policy digests come to, computed as the TPM does it in a policy session (Part 3, 23 Enhanced Authorization
 * Commands). Each step takes the digest so far; a policy starts with `emptyPolicy`.
 */
import assert from "node:assert/strict";
import { ByteWriter } from "@piccolo/bytes";
import { commandCodes, type Comparison, digestBytes } from "./constants.ts";
import { sha256, u32 } from "./digests.ts";
import { encodePcrSelection } from "./pcr.ts";

export const emptyPolicy: Uint8Array = new Uint8Array(digestBytes);

/** PolicyUpdate (Part 3, 23.2.3): the form of PolicySecret, PolicySigned and PolicyAuthorize. */
function update(digest: Uint8Array, code: number, name: Uint8Array, policyRef: Uint8Array): Uint8Array<ArrayBuffer> {
  return sha256(sha256(digest, u32(code), name), policyRef);
}

/** PolicyPCR (23.7): the PCRs of the SHA-256 bank have the values with this digest (`pcrDigest`). */
export function policyPcr(digest: Uint8Array, pcrs: readonly number[], pcrDigest: Uint8Array): Uint8Array<ArrayBuffer> {
  assert.equal(pcrDigest.length, digestBytes);
  return sha256(digest, u32(commandCodes.policyPcr), encodePcrSelection(pcrs), pcrDigest);
}

export interface NvComparison {
  readonly operand: Uint8Array;
  readonly offset: number;
  readonly comparison: Comparison;
}

/** PolicyNV (23.9): what the index of this name holds compares so with the operand. */
export function policyNv(digest: Uint8Array, nvName: Uint8Array, compared: NvComparison): Uint8Array<ArrayBuffer> {
  const rest = new ByteWriter().u16(compared.offset).u16(compared.comparison).finish();
  return sha256(digest, u32(commandCodes.policyNv), sha256(compared.operand, rest), nvName);
}

/** PolicySecret (23.4): the authorization of the entity of this name was given. */
export function policySecret(
  digest: Uint8Array,
  name: Uint8Array,
  policyRef = new Uint8Array(),
): Uint8Array<ArrayBuffer> {
  return update(digest, commandCodes.policySecret, name, policyRef);
}

/** PolicyAuthorize (23.16): whatever was satisfied so far is signed by the key of this name. Starts from nothing. */
export function policyAuthorize(
  keyName: Uint8Array,
  policyRef: Uint8Array = new Uint8Array(),
): Uint8Array<ArrayBuffer> {
  return update(emptyPolicy, commandCodes.policyAuthorize, keyName, policyRef);
}

/** What a release key signs for PolicyAuthorize: H(approvedPolicy || policyRef), given here before it is hashed. */
export function approvalOf(
  approvedPolicy: Uint8Array,
  policyRef: Uint8Array = new Uint8Array(),
): Uint8Array<ArrayBuffer> {
  return new ByteWriter().fixed(approvedPolicy, digestBytes).raw(policyRef).finish();
}

/** PolicyOR (23.6): one of two to eight branches was satisfied. Starts from nothing. */
export function policyOr(branches: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  assert.ok(branches.length >= 2 && branches.length <= 8, "PolicyOR takes two to eight branches");
  assert.ok(branches.every((branch) => branch.length === digestBytes));
  return sha256(emptyPolicy, u32(commandCodes.policyOr), ...branches);
}

/** PolicyCommandCode (23.11): only this command. */
export function policyCommandCode(digest: Uint8Array, code: number): Uint8Array<ArrayBuffer> {
  return sha256(digest, u32(commandCodes.policyCommandCode), u32(code));
}

/** PolicyAuthValue (23.17): the object's authorization value is proven besides. */
export function policyAuthValue(digest: Uint8Array): Uint8Array<ArrayBuffer> {
  return sha256(digest, u32(commandCodes.policyAuthValue));
}
