import assert from "node:assert/strict";
import type { KeyObject } from "node:crypto";
import { equalConstantTime, toHex } from "@piccolo/bytes";
import { accountBytes, accountId } from "./account.ts";
import { type Ed25519Key, ed25519FromSeed } from "./ed25519.ts";
import { envelopeFaults } from "./faults.ts";
import { unwrapFekUnder, type WrapContext, wrapFekUnder, wrappedEpoch } from "./fek.ts";
import { deriveKey, secretBytes } from "./key-tree.ts";
import { lockedFekEpoch, lockedFekFormat, openWithFileKey } from "./locked-fek.ts";
import { signStatement, type Statement } from "./statement.ts";
import { x25519PrivateKey, x25519PublicKey } from "./x25519.ts";

/** The first key epoch of an account. */
export const firstEpoch = 1;

/**
 * The owner's keys of one epoch, in memory while the device is unlocked. JSON and inspection show only the public
 * parts. Everything secret throws `locked` once `erase` was called.
 */
export interface OwnerKeys {
  readonly epoch: number;
  /** 32 bytes. */
  readonly account: Uint8Array;
  /** Ed25519, 32 raw bytes. */
  readonly ownerPublicKey: Uint8Array;
  /** X25519, 32 raw bytes: file keys made while locked are sealed to it. */
  readonly filePublicKey: Uint8Array;
  /** Signs with the owner key; the statement must name this account. */
  sign(statement: Statement): Uint8Array;
  /** `wrappedFekBytes` bytes, the same for the same FEK and version. */
  wrapFek(fek: Uint8Array, versionId: Uint8Array): Uint8Array;
  /**
   * Opens a wrapped FEK, also one sealed to the file key while the device was locked. Throws `malformed`, `wrong-epoch` or
   * `damaged-key`. The FEK is the caller's to erase.
   */
  unwrapFek(wrapped: Uint8Array, versionId: Uint8Array): Uint8Array;
  /** A copy of the metadata key (32 bytes), which stays on the sealed volume while locked; the caller's to erase. */
  metadataKey(): Uint8Array;
  /** A copy of the key (32 bytes) that wraps volume key and previous roots and seals a slot's details; the caller's to erase. */
  slotsKey(): Uint8Array;
  /** Overwrites the symmetric keys and lets go of the signing and the file key. Harmless when called twice. */
  erase(): void;
}

interface Secrets {
  readonly kek: Uint8Array;
  readonly metadataKey: Uint8Array;
  readonly slotsKey: Uint8Array;
  readonly fileKey: KeyObject;
  readonly signingKey: Ed25519Key;
}

class DerivedOwnerKeys implements OwnerKeys {
  readonly epoch: number;
  readonly account: Uint8Array;
  readonly ownerPublicKey: Uint8Array;
  readonly filePublicKey: Uint8Array;
  #secrets: Secrets | undefined;

  constructor(rootSecret: Uint8Array, epoch: number, account: Uint8Array | undefined) {
    assert.equal(rootSecret.length, secretBytes);
    assert.ok(Number.isInteger(epoch) && epoch >= firstEpoch && epoch <= 0xffff_ffff);
    const signingSeed = deriveKey(rootSecret, "owner-signing-key");
    const fileSeed = deriveKey(rootSecret, "file-key");
    this.#secrets = {
      kek: deriveKey(rootSecret, "kek"),
      metadataKey: deriveKey(rootSecret, "metadata-key"),
      slotsKey: deriveKey(rootSecret, "slots-key"),
      fileKey: x25519PrivateKey(fileSeed),
      signingKey: ed25519FromSeed(signingSeed),
    };
    this.epoch = epoch;
    this.ownerPublicKey = this.#secrets.signingKey.publicKey;
    this.filePublicKey = x25519PublicKey(fileSeed);
    signingSeed.fill(0);
    fileSeed.fill(0);
    const derived = epoch === firstEpoch ? accountId(this.ownerPublicKey) : account;
    assert.ok(derived !== undefined && derived.length === accountBytes, "a later epoch needs its account id");
    if (account !== undefined && !equalConstantTime(account, derived)) {
      throw envelopeFaults.fault("wrong-account", "the root secret belongs to another account");
    }
    this.account = new Uint8Array(derived);
  }

  #unlocked(): Secrets {
    if (this.#secrets === undefined) {
      throw envelopeFaults.fault("locked", "the device is locked: enter the password, then do it again");
    }
    return this.#secrets;
  }

  sign(statement: Statement): Uint8Array {
    assert.ok(equalConstantTime(statement.account, this.account), "a statement of another account");
    return signStatement(this.#unlocked().signingKey, statement);
  }

  #context(versionId: Uint8Array): WrapContext {
    return { account: this.account, versionId, epoch: this.epoch };
  }

  wrapFek(fek: Uint8Array, versionId: Uint8Array): Uint8Array {
    return wrapFekUnder(this.#unlocked().kek, this.#context(versionId), fek);
  }

  unwrapFek(wrapped: Uint8Array, versionId: Uint8Array): Uint8Array {
    const { kek, fileKey } = this.#unlocked();
    if (wrapped[0] !== lockedFekFormat) return unwrapFekUnder(kek, this.#context(versionId), wrapped);
    return openWithFileKey({ privateKey: fileKey, publicKey: this.filePublicKey }, wrapped, this.#context(versionId));
  }

  metadataKey(): Uint8Array {
    return new Uint8Array(this.#unlocked().metadataKey);
  }

  slotsKey(): Uint8Array {
    return new Uint8Array(this.#unlocked().slotsKey);
  }

  erase(): void {
    this.#secrets?.slotsKey.fill(0);
    this.#secrets?.kek.fill(0);
    this.#secrets?.metadataKey.fill(0);
    this.#secrets = undefined;
  }

  toJSON(): unknown {
    return { account: toHex(this.account), epoch: this.epoch, secrets: "redacted" };
  }
}

/** The key epoch a wrapped FEK names, also one sealed while locked, so that the caller picks the right keys. Throws `malformed`. */
export function wrappedFekEpoch(wrapped: Uint8Array): number {
  return wrapped[0] === lockedFekFormat ? lockedFekEpoch(wrapped) : wrappedEpoch(wrapped);
}

/**
 * Derives the keys of an epoch (from 1) from its root secret (32 bytes, the caller's to erase). The first epoch gives the
 * account id; later ones are told it. Throws `wrong-account` where a first epoch's account is given and differs.
 */
export function deriveOwnerKeys(rootSecret: Uint8Array, epoch: number, account?: Uint8Array): OwnerKeys {
  return new DerivedOwnerKeys(rootSecret, epoch, account);
}
