import assert from "node:assert/strict";
import {
  type Argon2id,
  certifyDevice,
  deriveOwnerKeys,
  type Ed25519Key,
  encodeSlotList,
  envelopeFaults,
  firstEpoch,
  newRootSecret,
  type OpenedRoot,
  type PasswordCost,
  pepperBytes,
  openSlotDetails,
  resealDetails,
  sealPasswordSlot,
  type SlotDetails,
  unwrapVolumeKey,
  verifySealedSlot,
  wrapVolumeKey,
} from "@piccolo/envelope";
import type { World } from "@piccolo/world";
import type { DurableFolder } from "../adapters/state-folder.ts";
import { forgetUnclaimedKey, takeUnclaimedKey } from "./boot.ts";
import type { Identity } from "./identity.ts";
import type { Keyring } from "./keyring.ts";
import { type MadePhrase, sameLocator, sealPhrase } from "./made-phrase.ts";
import type { OutsideStore } from "./outside-store.ts";
import { type ListChange, OwnerRecord } from "./owner-record.ts";
import { PhraseMaking, type PhraseProof, type ShownPhrase } from "./phrase-making.ts";
import { Rekey } from "./rekey-verb.ts";
import type { RekeyCrashPoint } from "./rekey.ts";
import { networksDiffer } from "./whereabouts.ts";
import type { SecurityChip } from "./security-chip.ts";

export interface OwnerSecurityOptions {
  readonly content: DurableFolder;
  readonly outside: OutsideStore;
  readonly keyring: Keyring;
  readonly chip: SecurityChip;
  readonly argon2: Argon2id;
  readonly world: World;
  readonly cost: PasswordCost;
  readonly floor: PasswordCost;
  readonly deviceKey: Ed25519Key;
  /** Networks and members, as a device with nothing but the phrase will need them. */
  readonly details: () => SlotDetails["networks"];
  readonly crashPoint: (name: RekeyCrashPoint) => void;
  /** Told of every new sealed phrase slot, so that other members and central keep it. */
  readonly slotChanged: (slot: Uint8Array) => void;
}

/** The epoch of a device that never replaced another. */
const firstDeviceEpoch = 1;

/**
 * The verbs of the owner's keys, kept apart: a new password or a new phrase is a new slot for the same root secret and
 * revokes nothing; only a re-key makes a new root. Each is one change of the record outside, whole or not at all.
 */
export class OwnerSecurity {
  readonly #options: OwnerSecurityOptions;
  readonly #record: OwnerRecord;
  readonly #making: PhraseMaking<MadePhrase>;
  /** The verb that makes a new root. */
  readonly rekey: Rekey;

  constructor(options: OwnerSecurityOptions) {
    this.#options = options;
    this.#record = new OwnerRecord(options);
    this.#making = new PhraseMaking(options.world, ({ phrase }) => phrase.erase());
    this.rekey = new Rekey({ ...options, record: this.#record, making: this.#making });
  }

  /** Undefined before the claim. */
  get identity(): Identity | undefined {
    return this.#record.identity;
  }

  /** Makes an owner: root secret, password, and a phrase that is valid at once and waits to be confirmed. */
  async claim(name: string, password: string): Promise<ShownPhrase> {
    const { content, outside, keyring, chip, argon2, world, cost, floor, deviceKey } = this.#options;
    assert.ok(!keyring.hasOwner);
    const root = newRootSecret(world);
    const pepper = world.randomBytes(pepperBytes);
    const volumeKey = takeUnclaimedKey(content);
    const keys = deriveOwnerKeys(root, firstEpoch);
    try {
      const { account } = keys;
      const sealedPepper = await chip.seal(pepper, "pepper");
      const slot = { root, account, epoch: firstEpoch, password, pepper, cost, floor, argon2, world };
      const passwordSlot = await sealPasswordSlot(slot);
      const chain = { firstOwnerPublicKey: keys.ownerPublicKey, rotations: [] };
      const shown = this.#making.make((text) =>
        sealPhrase(text, { keys, root, chain, number: 1, details: { networks: [], previousRoots: [] }, world }),
      );
      const phraseSlot = this.#making.peek()?.slot;
      const nowMs = world.nowMs();
      const identity: Identity = {
        name,
        account,
        ownerPublicKey: keys.ownerPublicKey,
        epoch: firstEpoch,
        certificate: certifyDevice(keys, deviceKey.publicKey, firstDeviceEpoch),
        metadataKey: keys.metadataKey(),
        formerMetadataKeys: [],
        passwordChangedAtMs: nowMs,
        phraseMadeAtMs: nowMs,
        phraseConfirmed: false,
      };
      this.#record.create(identity);
      const volumeSlot = wrapVolumeKey(keys, volumeKey);
      const list = { chain, number: 1, passwordSlot, phraseSlot, volumeSlot, previousRoots: [] };
      outside.change({ sealedPepper, slots: encodeSlotList(keys, list) });
      this.#record.reread();
      forgetUnclaimedKey(content);
      keyring.holdKeys(deriveOwnerKeys(root, firstEpoch));
      if (phraseSlot !== undefined) this.#options.slotChanged(phraseSlot);
      return shown;
    } finally {
      for (const secret of [root, pepper, volumeKey]) secret.fill(0);
      keys.erase();
    }
  }

  /** A recovery has made the owner: identity and record outside are theirs by now. */
  recovered(): void {
    this.#record.reread();
  }

  /** This device has another key, under another device epoch. */
  takeCertificate(certificate: Identity["certificate"]): void {
    this.#record.change({ certificate });
  }

  /** Reset login: another password for the same root. The old one opens nothing any more. */
  async changePassword(root: OpenedRoot, password: string): Promise<void> {
    const { outside, chip } = this.#options;
    const { sealedPepper } = outside.record;
    if (sealedPepper === undefined)
      throw envelopeFaults.fault("damaged-slot", "the record has no pepper: use the phrase");
    const pepper = await chip.unseal(sealedPepper);
    try {
      const passwordSlot = await this.#passwordSlot(root, password, pepper);
      this.#change(root, { passwordSlot });
    } finally {
      pepper.fill(0);
    }
    this.#record.change({ passwordChangedAtMs: this.#options.world.nowMs() });
  }

  /** After the phrase opened the volume: the chip may be another one, so volume key and pepper are sealed anew. */
  async takeOverChip(root: OpenedRoot, password: string): Promise<void> {
    const { keyring, chip, outside, world } = this.#options;
    const pepper = world.randomBytes(pepperBytes);
    const keys = root.deriveKeys();
    const { volumeSlot } = keyring.slots();
    if (volumeSlot === undefined) throw envelopeFaults.fault("damaged-slot", "the slots have no volume key");
    const volumeKey = unwrapVolumeKey(keys, volumeSlot);
    try {
      const sealedPepper = await chip.seal(pepper, "pepper");
      const asks = outside.record.sealedVolumeKey === undefined;
      const sealedVolumeKey = asks ? undefined : await chip.seal(volumeKey, "volume");
      const passwordSlot = await this.#passwordSlot(root, password, pepper);
      this.#change(root, { passwordSlot }, { sealedPepper, sealedVolumeKey });
    } finally {
      for (const secret of [pepper, volumeKey]) secret.fill(0);
      keys.erase();
    }
    this.#record.change({ passwordChangedAtMs: this.#options.world.nowMs() });
  }

  #passwordSlot(root: OpenedRoot, password: string, pepper: Uint8Array): Promise<Uint8Array> {
    const { argon2, world, cost, floor } = this.#options;
    const { account, epoch } = root;
    const secret = root.root();
    return sealPasswordSlot({ root: secret, account, epoch, password, pepper, cost, floor, argon2, world }).finally(
      () => secret.fill(0),
    );
  }

  get asksAtBoot(): boolean {
    return this.#options.outside.record.sealedVolumeKey === undefined;
  }

  /** Whether the volume opens only with chip and password together. */
  async setAskAtBoot(root: OpenedRoot, enabled: boolean): Promise<void> {
    const { outside, keyring, chip } = this.#options;
    if (enabled === this.asksAtBoot) return;
    if (enabled) {
      outside.change({ sealedVolumeKey: undefined });
      return;
    }
    const keys = root.deriveKeys();
    const { volumeSlot } = keyring.slots();
    try {
      if (volumeSlot === undefined) throw envelopeFaults.fault("damaged-slot", "the slots have no volume key");
      const volumeKey = unwrapVolumeKey(keys, volumeSlot);
      try {
        outside.change({ sealedVolumeKey: await chip.seal(volumeKey, "volume") });
      } finally {
        volumeKey.fill(0);
      }
    } finally {
      keys.erase();
    }
  }

  /** Rewrap, first half: a new phrase for the same root, valid once it is confirmed. */
  makePhrase(root: OpenedRoot): ShownPhrase {
    const { keyring, world, details } = this.#options;
    const keys = root.deriveKeys();
    const secret = root.root();
    try {
      const { chain, previousRoots } = keyring.slots();
      const number = this.phraseNumber + 1;
      const parts = { keys, root: secret, chain, number, details: { networks: details(), previousRoots }, world };
      return this.#making.make((text) => sealPhrase(text, parts));
    } finally {
      secret.fill(0);
      keys.erase();
    }
  }

  /** Of the slot in use; 0 = none. */
  get phraseNumber(): number {
    return this.#record.phraseNumber;
  }

  /** Rewrap, second half; needs the unlocked keys. Throws what `PhraseMaking.confirm` does, and `locked`. */
  confirmPhrase(proof: PhraseProof): void {
    const { keyring, world, slotChanged } = this.#options;
    const keys = keyring.keys();
    const { phraseSlot: inUse, previousRoots } = keyring.slots();
    const locatorInUse = inUse === undefined ? undefined : verifySealedSlot(inUse).locator;
    const made = this.#making.confirm(proof, locatorInUse);
    made?.phrase.erase();
    const confirmed = made?.slot;
    const isNew = confirmed !== undefined && !sameLocator(confirmed, locatorInUse);
    if (isNew) {
      // Between making and confirming the slot in use may have been renewed under a higher number.
      const number = this.phraseNumber + 1;
      const renewal = { details: { networks: this.#options.details(), previousRoots }, number, world };
      const phraseSlot =
        verifySealedSlot(confirmed).number >= number ? confirmed : resealDetails(confirmed, keys.current, renewal);
      this.#record.changeSlots(keys.current, { phraseSlot });
      slotChanged(phraseSlot);
    }
    this.#record.change({ phraseConfirmed: true, ...(isNew ? { phraseMadeAtMs: world.nowMs() } : {}) });
  }

  /**
   * Renews what the phrase's slot says of networks and members, where they are others now; addresses alone, which
   * move often, only where `addressesToo`. Nothing happens while the device is locked. Whether it was renewed.
   */
  renewDetails(addressesToo: boolean): boolean {
    const { keyring, world, details } = this.#options;
    if (!keyring.unlocked) return false;
    const { phraseSlot: inUse, previousRoots } = keyring.slots();
    if (inUse === undefined) return false;
    const { current } = keyring.keys();
    const networks = details();
    const said = openSlotDetails(inUse, current);
    if (!networksDiffer(said.networks, networks, addressesToo)) return false;
    // In the window of a re-key the former phrase's slot stays with its keepers.
    const forgetBelow = this.rekey.running ? { forgetBelow: verifySealedSlot(inUse).forgetBelow } : {};
    const renewal = { details: { networks, previousRoots }, number: this.phraseNumber + 1, ...forgetBelow, world };
    this.#record.changeSlots(current, { phraseSlot: resealDetails(inUse, current, renewal) });
    return true;
  }

  #change(root: OpenedRoot, change: ListChange, more: Parameters<OwnerRecord["changeSlots"]>[2] = {}): void {
    const keys = root.deriveKeys();
    try {
      this.#record.changeSlots(keys, change, more);
    } finally {
      keys.erase();
    }
  }
}
