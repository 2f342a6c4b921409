import assert from "node:assert/strict";
import { type ByteReader, ByteWriter, equalConstantTime, malformed } from "@piccolo/bytes";
import { accountId } from "./account.ts";
import { ed25519KeyBytes, ed25519SignatureBytes } from "./ed25519.ts";
import { envelopeFaults } from "./faults.ts";
import { firstEpoch, type OwnerKeys } from "./owner-keys.ts";
import { definePurpose, type Statement, verifyStatement } from "./statement.ts";

// The chain says who an account is, wherever it is a member.
const ownerRotation = definePurpose("owner-rotation", "none");

/** How many times an account may change its keys; a chain stays small enough to travel in every slot. */
export const rotationsMax = 64;

/** The word of an epoch's owner key, and of its successor, that the successor speaks for the account from now on. */
export interface OwnerRotation {
  /** The new epoch: one more than that of the key before. */
  readonly epoch: number;
  /** The new owner key, Ed25519, 32 raw bytes. */
  readonly ownerPublicKey: Uint8Array;
  /** By the owner key of the epoch before, 64 bytes. */
  readonly oldSignature: Uint8Array;
  /** By the new owner key, 64 bytes: nobody can take a key that is not theirs into their account. */
  readonly newSignature: Uint8Array;
}

/** From the key that names the account to its newest key. */
export interface OwnerChain {
  /** Ed25519, 32 raw bytes: the account id is its hash. */
  readonly firstOwnerPublicKey: Uint8Array;
  /** In order of epochs, from 2, at most `rotationsMax`. */
  readonly rotations: readonly OwnerRotation[];
}

function statement(account: Uint8Array, epoch: number, ownerPublicKey: Uint8Array): Statement {
  const body = new ByteWriter().u32(epoch).fixed(ownerPublicKey, ed25519KeyBytes).finish();
  return { purpose: ownerRotation, network: undefined, account, body };
}

/** Makes the keys of the next epoch the account's. */
export function certifyRotation(oldKeys: OwnerKeys, newKeys: OwnerKeys): OwnerRotation {
  assert.ok(equalConstantTime(oldKeys.account, newKeys.account), "keys of another account");
  assert.equal(newKeys.epoch, oldKeys.epoch + 1);
  const stated = statement(newKeys.account, newKeys.epoch, newKeys.ownerPublicKey);
  return {
    epoch: newKeys.epoch,
    ownerPublicKey: new Uint8Array(newKeys.ownerPublicKey),
    oldSignature: oldKeys.sign(stated),
    newSignature: newKeys.sign(stated),
  };
}

/** Whether a rotation leads on from the owner key that the verifier knows as the account's newest. */
export function verifyRotation(
  known: { readonly account: Uint8Array; readonly epoch: number; readonly ownerPublicKey: Uint8Array },
  { epoch, ownerPublicKey, oldSignature, newSignature }: OwnerRotation,
): boolean {
  if (epoch !== known.epoch + 1 || ownerPublicKey.length !== ed25519KeyBytes) return false;
  if (equalConstantTime(ownerPublicKey, known.ownerPublicKey)) return false;
  const stated = statement(known.account, epoch, ownerPublicKey);
  return (
    verifyStatement(known.ownerPublicKey, stated, oldSignature) && verifyStatement(ownerPublicKey, stated, newSignature)
  );
}

/** Follows a chain to the account's newest key. Throws `broken-rotation`. */
export function verifyRotationChain(
  account: Uint8Array,
  { firstOwnerPublicKey, rotations }: OwnerChain,
): { readonly epoch: number; readonly ownerPublicKey: Uint8Array } {
  const names =
    firstOwnerPublicKey.length === ed25519KeyBytes && equalConstantTime(accountId(firstOwnerPublicKey), account);
  if (!names || rotations.length > rotationsMax) throw broken(firstEpoch);
  let newest = { epoch: firstEpoch, ownerPublicKey: firstOwnerPublicKey };
  for (const rotation of rotations) {
    if (!verifyRotation({ account, ...newest }, rotation)) throw broken(newest.epoch + 1);
    newest = { epoch: rotation.epoch, ownerPublicKey: rotation.ownerPublicKey };
  }
  return newest;
}

function broken(epoch: number): Error {
  return envelopeFaults.fault(
    "broken-rotation",
    `the owner key of epoch ${epoch} does not belong to the account: fetch the chain from somebody else`,
    { details: { epoch } },
  );
}

/** Whether a chain is the other one or goes on from it; two chains of one account that do not are a theft. */
export function extendsOwnerChain(longer: OwnerChain, shorter: OwnerChain): boolean {
  if (!equalConstantTime(longer.firstOwnerPublicKey, shorter.firstOwnerPublicKey)) return false;
  return shorter.rotations.every(({ ownerPublicKey }, at) => {
    const other = longer.rotations[at];
    return other !== undefined && equalConstantTime(other.ownerPublicKey, ownerPublicKey);
  });
}

export function writeOwnerChain(writer: ByteWriter, { firstOwnerPublicKey, rotations }: OwnerChain): void {
  assert.ok(rotations.length <= rotationsMax);
  writer.fixed(firstOwnerPublicKey, ed25519KeyBytes).u8(rotations.length);
  for (const [at, { epoch, ownerPublicKey, oldSignature, newSignature }] of rotations.entries()) {
    assert.equal(epoch, firstEpoch + 1 + at);
    writer
      .fixed(ownerPublicKey, ed25519KeyBytes)
      .fixed(oldSignature, ed25519SignatureBytes)
      .fixed(newSignature, ed25519SignatureBytes);
  }
}

/** Reads what `writeOwnerChain` wrote; nothing is verified yet. Throws `malformed`. */
export function readOwnerChain(reader: ByteReader): OwnerChain {
  const firstOwnerPublicKey = new Uint8Array(reader.fixed(ed25519KeyBytes));
  const count = reader.u8();
  if (count > rotationsMax) throw malformed(`a chain of ${count} rotations is over its bound of ${rotationsMax}`);
  const rotations: OwnerRotation[] = [];
  for (let at = 0; at < count; at++) {
    rotations.push({
      epoch: firstEpoch + 1 + at,
      ownerPublicKey: new Uint8Array(reader.fixed(ed25519KeyBytes)),
      oldSignature: new Uint8Array(reader.fixed(ed25519SignatureBytes)),
      newSignature: new Uint8Array(reader.fixed(ed25519SignatureBytes)),
    });
  }
  return { firstOwnerPublicKey, rotations };
}
