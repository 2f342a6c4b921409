import { encodeSlotList, envelopeFaults, type OwnerKeys, type SlotList, verifySealedSlot } from "@piccolo/envelope";
import type { DurableFolder } from "../adapters/state-folder.ts";
import { authFaults } from "../auth/types.ts";
import { checkIdentity, type Identity, readIdentity, writeIdentity } from "./identity.ts";
import type { Keyring } from "./keyring.ts";
import type { OutsideStore } from "./outside-store.ts";

export type ListChange = Partial<
  Pick<SlotList, "passwordSlot" | "phraseSlot" | "volumeSlot" | "previousRoots" | "chain">
>;

/** What says who the owner is, locked or not: the identity on the volume, the slots outside. Each change is durable. */
export class OwnerRecord {
  readonly #content: DurableFolder;
  readonly #outside: OutsideStore;
  readonly #keyring: Keyring;
  #identity: Identity | undefined;

  constructor(parts: { readonly content: DurableFolder; readonly outside: OutsideStore; readonly keyring: Keyring }) {
    this.#content = parts.content;
    this.#outside = parts.outside;
    this.#keyring = parts.keyring;
    // The slots outside are what makes an owner: a claim that was cut short before them never happened.
    if (!this.#keyring.hasOwner) return;
    this.reread();
    if (this.#identity === undefined) {
      throw envelopeFaults.fault("damaged-slot", "the device has an owner whose identity is missing: reset the device");
    }
    checkIdentity(this.#identity, this.#keyring.slots());
  }

  /** Undefined before the claim. */
  get identity(): Identity | undefined {
    return this.#identity;
  }

  /** Throws `not-claimed`. */
  known(): Identity {
    if (this.#identity === undefined) {
      throw authFaults.fault("not-claimed", "this device has no owner yet; set it up first");
    }
    return this.#identity;
  }

  /** Something else has written it. */
  reread(): void {
    this.#identity = readIdentity(this.#content);
  }

  create(identity: Identity): void {
    writeIdentity(this.#content, identity);
  }

  change(change: Partial<Identity>): void {
    const identity: Identity = { ...this.known(), ...change };
    writeIdentity(this.#content, identity);
    this.#identity = identity;
  }

  /** One change of the record outside, whole or not at all; `more` is what changes with the slots. */
  changeSlots(keys: OwnerKeys, change: ListChange, more: Parameters<OutsideStore["change"]>[0] = {}): void {
    const { account: _account, epoch: _epoch, ownerPublicKey: _key, ...list } = this.#keyring.slots();
    const slots = encodeSlotList(keys, { ...list, ...change, number: list.number + 1 });
    this.#outside.change({ ...more, slots });
  }

  /** Of the phrase's slot in use; 0 = none. */
  get phraseNumber(): number {
    const { phraseSlot } = this.#keyring.slots();
    return phraseSlot === undefined ? 0 : verifySealedSlot(phraseSlot).number;
  }
}
