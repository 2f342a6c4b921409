import assert from "node:assert/strict";
import { equalConstantTime, toHex } from "@piccolo/bytes";
import { envelopeFaults } from "./faults.ts";
import { lockedFekFormat } from "./locked-fek.ts";
import { type OwnerKeys, wrappedFekEpoch } from "./owner-keys.ts";
import type { Statement } from "./statement.ts";

/**
 * The keys of the current epoch, and during a re-key those of earlier ones. It stands wherever owner keys do: what is
 * new is made under the current epoch, what is old opens under its own.
 */
export interface KeyRing extends OwnerKeys {
  readonly current: OwnerKeys;
  /** Every epoch whose keys are held, the current one first. */
  readonly epochs: readonly number[];
  /** Throws `wrong-epoch` where no keys of it are held. */
  of(epoch: number): OwnerKeys;
  /** The same FEK wrapped under the current epoch, or undefined where it already is. Throws as `unwrapFek` does. */
  rewrapFek(wrapped: Uint8Array, versionId: Uint8Array): Uint8Array | undefined;
  /** Erases the keys of all earlier epochs, once nothing is wrapped under them any more. */
  forgetPrevious(): void;
}

class EpochKeyRing implements KeyRing {
  readonly current: OwnerKeys;
  #previous: readonly OwnerKeys[];

  constructor(current: OwnerKeys, previous: readonly OwnerKeys[]) {
    this.current = current;
    this.#previous = previous.toSorted((a, b) => b.epoch - a.epoch);
    const epochs = [current, ...this.#previous].map(({ epoch }) => epoch);
    assert.ok(
      epochs.every((epoch, at) => at === 0 || epoch < (epochs[at - 1] ?? 0)),
      "one set of keys an epoch",
    );
    assert.ok(
      previous.every(({ account }) => equalConstantTime(account, current.account)),
      "keys of another account",
    );
  }

  get epoch(): number {
    return this.current.epoch;
  }

  get account(): Uint8Array {
    return this.current.account;
  }

  get ownerPublicKey(): Uint8Array {
    return this.current.ownerPublicKey;
  }

  get filePublicKey(): Uint8Array {
    return this.current.filePublicKey;
  }

  get epochs(): readonly number[] {
    return [this.current, ...this.#previous].map(({ epoch }) => epoch);
  }

  of(epoch: number): OwnerKeys {
    const keys = [this.current, ...this.#previous].find((held) => held.epoch === epoch);
    if (keys === undefined) {
      throw envelopeFaults.fault("wrong-epoch", `the keys of epoch ${epoch} are not held any more`, {
        details: { epoch },
      });
    }
    return keys;
  }

  sign(statement: Statement): Uint8Array {
    return this.current.sign(statement);
  }

  wrapFek(fek: Uint8Array, versionId: Uint8Array): Uint8Array {
    return this.current.wrapFek(fek, versionId);
  }

  unwrapFek(wrapped: Uint8Array, versionId: Uint8Array): Uint8Array {
    return this.of(wrappedFekEpoch(wrapped)).unwrapFek(wrapped, versionId);
  }

  rewrapFek(wrapped: Uint8Array, versionId: Uint8Array): Uint8Array | undefined {
    const current = wrapped[0] !== lockedFekFormat && wrappedFekEpoch(wrapped) === this.current.epoch;
    if (current) return undefined;
    const fek = this.unwrapFek(wrapped, versionId);
    const rewrapped = this.current.wrapFek(fek, versionId);
    fek.fill(0);
    return rewrapped;
  }

  metadataKey(): Uint8Array {
    return this.current.metadataKey();
  }

  slotsKey(): Uint8Array {
    return this.current.slotsKey();
  }

  forgetPrevious(): void {
    for (const keys of this.#previous) keys.erase();
    this.#previous = [];
  }

  erase(): void {
    this.forgetPrevious();
    this.current.erase();
  }

  toJSON(): unknown {
    return { account: toHex(this.account), epochs: this.epochs, secrets: "redacted" };
  }
}

/** Takes over all the keys: erasing the ring erases them. Previous keys are of the same account and of earlier epochs. */
export function createKeyRing(current: OwnerKeys, previous: readonly OwnerKeys[] = []): KeyRing {
  return new EpochKeyRing(current, previous);
}
