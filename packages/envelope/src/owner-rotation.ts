import assert from "node:assert/strict";
import { ByteWriter } from "@piccolo/bytes";
import { ed25519KeyBytes } from "./ed25519.ts";
import { firstEpoch, type OwnerKeys } from "./owner-keys.ts";
import { definePurpose, type Statement, verifyStatement } from "./statement.ts";

// An account keeps its id in every network when its keys change, so the change names no network.
const ownerRotation = definePurpose("owner-rotation", "none");

/** An owner's word that the next key epoch of the account has this owner key. */
export interface OwnerRotation {
  /** The new key epoch, at least 2. */
  readonly epoch: number;
  /** The new owner key: Ed25519, 32 raw bytes. */
  readonly ownerPublicKey: Uint8Array;
  /** 64 bytes by the owner key of the epoch before. */
  readonly byOld: Uint8Array;
  /** 64 bytes by the new owner key, so that nobody takes over a key they do not have. */
  readonly byNew: Uint8Array;
}

function statement(account: Uint8Array, epoch: number, ownerPublicKey: Uint8Array): Statement {
  const body = new ByteWriter().u32(epoch).fixed(ownerPublicKey, ed25519KeyBytes).finish();
  return { purpose: ownerRotation, network: undefined, account, body };
}

/** Both keys are of one account, the new ones of the epoch after the old ones'. Throws `locked`. */
export function certifyRotation(oldKeys: OwnerKeys, newKeys: OwnerKeys): OwnerRotation {
  assert.equal(newKeys.epoch, oldKeys.epoch + 1);
  assert.equal(Buffer.compare(newKeys.account, oldKeys.account), 0);
  const { account, epoch, ownerPublicKey } = newKeys;
  const said = statement(account, epoch, ownerPublicKey);
  return { epoch, ownerPublicKey, byOld: oldKeys.sign(said), byNew: newKeys.sign(said) };
}

/** Whether the owner key of the epoch before, and the new one, signed this rotation of the account. */
export function verifyRotation(account: Uint8Array, oldPublicKey: Uint8Array, rotation: OwnerRotation): boolean {
  const { epoch, ownerPublicKey, byOld, byNew } = rotation;
  if (epoch <= firstEpoch || ownerPublicKey.length !== ed25519KeyBytes) return false;
  const said = statement(account, epoch, ownerPublicKey);
  return verifyStatement(oldPublicKey, said, byOld) && verifyStatement(ownerPublicKey, said, byNew);
}
