import { ByteWriter, equalConstantTime } from "@piccolo/bytes";
import { ed25519KeyBytes } from "./ed25519.ts";
import type { OwnerKeys } from "./owner-keys.ts";
import { locatorBytes, locatorOf, type Phrase } from "./phrase.ts";
import { definePurpose, signStatement, type Statement, verifyStatement } from "./statement.ts";

// Who holds only the phrase knows neither network nor account: the locator stands in the account's place.
const recoverSlot = definePurpose("recover-slot", "none");
// Who holds the root knows the account, and learns by this which networks it is in.
const recoverAccount = definePurpose("recover-account", "none");

export const recoveryChallengeBytes = 32;

/** Whom a proof is for, so that nobody can pass it on as theirs. */
export interface RecoveryAudience {
  /** 32 bytes: the device key of the peer that asks for the proof, or the SHA-256 of central's origin. */
  readonly verifier: Uint8Array;
  /** 32 fresh random bytes of the verifier, taken once. */
  readonly challenge: Uint8Array;
}

function body({ verifier, challenge }: RecoveryAudience): Uint8Array {
  return new ByteWriter().fixed(verifier, ed25519KeyBytes).fixed(challenge, recoveryChallengeBytes).finish();
}

function slotStatement(locator: Uint8Array, audience: RecoveryAudience): Statement {
  return { purpose: recoverSlot, network: undefined, account: locator, body: body(audience) };
}

function accountStatement(account: Uint8Array, audience: RecoveryAudience): Statement {
  return { purpose: recoverAccount, network: undefined, account, body: body(audience) };
}

/** Proves that the phrase is known whose slot is asked for. */
export interface LocatorProof {
  /** Ed25519, 32 raw bytes. */
  readonly locatorKey: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

export function proveLocator(phrase: Phrase, audience: RecoveryAudience): LocatorProof {
  const { locatorKey } = phrase;
  return {
    locatorKey: new Uint8Array(locatorKey.publicKey),
    signature: signStatement(locatorKey, slotStatement(phrase.locator, audience)),
  };
}

/** Whether a proof is that of the locator's key for this audience; `audience` is what the verifier gave out. */
export function verifyLocatorProof(locator: Uint8Array, proof: LocatorProof, audience: RecoveryAudience): boolean {
  const { locatorKey, signature } = proof;
  if (locator.length !== locatorBytes || locatorKey.length !== ed25519KeyBytes) return false;
  return (
    equalConstantTime(locatorOf(locatorKey), locator) &&
    verifyStatement(locatorKey, slotStatement(locator, audience), signature)
  );
}

/** Proves that the account's keys are held; 64 bytes. */
export function proveAccount(keys: OwnerKeys, audience: RecoveryAudience): Uint8Array {
  return keys.sign(accountStatement(keys.account, audience));
}

/** `ownerPublicKey` is the account's newest owner key as the verifier's log has it. */
export function verifyAccountProof(
  owner: { readonly account: Uint8Array; readonly ownerPublicKey: Uint8Array },
  signature: Uint8Array,
  audience: RecoveryAudience,
): boolean {
  return verifyStatement(owner.ownerPublicKey, accountStatement(owner.account, audience), signature);
}
