import assert from "node:assert/strict";
import { toHex } from "@piccolo/bytes";
import { envelopeFaults } from "./faults.ts";
import { secretBytes } from "./key-tree.ts";
import { deriveOwnerKeys, type OwnerKeys } from "./owner-keys.ts";

/** A root secret that a slot gave, as shortly in memory as possible. JSON and inspection show only account and epoch. */
export interface OpenedRoot {
  readonly account: Uint8Array;
  readonly epoch: number;
  /** A copy of the root secret (32 bytes), to be sealed into another slot; the caller's to erase. Throws `locked` once erased. */
  root(): Uint8Array;
  /** The keys of this epoch. Throws `wrong-account` where a first epoch's root is not the account's, `locked` once erased. */
  deriveKeys(): OwnerKeys;
  /** Overwrites the root secret. Harmless when called twice. */
  erase(): void;
}

class HeldRoot implements OpenedRoot {
  readonly account: Uint8Array;
  readonly epoch: number;
  #root: Uint8Array | undefined;

  constructor(root: Uint8Array, account: Uint8Array, epoch: number) {
    assert.equal(root.length, secretBytes);
    this.account = new Uint8Array(account);
    this.epoch = epoch;
    this.#root = root;
  }

  #held(): Uint8Array {
    if (this.#root === undefined) {
      throw envelopeFaults.fault("locked", "the root secret is no longer in memory: open a slot again");
    }
    return this.#root;
  }

  root(): Uint8Array {
    return new Uint8Array(this.#held());
  }

  deriveKeys(): OwnerKeys {
    return deriveOwnerKeys(this.#held(), this.epoch, this.account);
  }

  erase(): void {
    this.#root?.fill(0);
    this.#root = undefined;
  }

  toJSON(): unknown {
    return { account: toHex(this.account), epoch: this.epoch, secrets: "redacted" };
  }
}

/** Takes over the bytes of `root`, which erasing overwrites. */
export function holdRoot(root: Uint8Array, account: Uint8Array, epoch: number): OpenedRoot {
  return new HeldRoot(root, account, epoch);
}
