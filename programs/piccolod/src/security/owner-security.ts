import assert from "node:assert/strict";
import { equalConstantTime } from "@piccolo/bytes";
import {
  certifyDevice,
  deriveOwnerKeys,
  type Ed25519Key,
  encodeSlotList,
  envelopeFaults,
  firstEpoch,
  newRootSecret,
  type OpenedRoot,
  pepperBytes,
  openPhraseSlot,
  openSlotDetails,
  parsePhrase,
  resealDetails,
  sealPasswordSlot,
  type SlotDetails,
  unwrapVolumeKey,
  verifySealedSlot,
  wrapVolumeKey,
} from "@piccolo/envelope";
import type { DurableFolder } from "../adapters/state-folder.ts";
import { forgetUnclaimedKey, takeUnclaimedKey } from "./boot.ts";
import type { Identity } from "./identity.ts";
import type { Keyring } from "./keyring.ts";
import { type MadePhrase, sameLocator, sealPhrase } from "./made-phrase.ts";
import type { OutsideStore } from "./outside-store.ts";
import { OwnerRecord } from "./owner-record.ts";
import { PhraseMaking, type PhraseProof, type ShownPhrase } from "./phrase-making.ts";
import { Rekey } from "./rekey-verb.ts";
import type { RekeyCrashPoint } from "./rekey.ts";
import { reseal, type ResealCrashPoint, type ResealingOptions } from "./resealing.ts";
import { Turns } from "./turns.ts";
import { networksDiffer } from "./whereabouts.ts";

export interface OwnerSecurityOptions extends ResealingOptions {
  readonly content: DurableFolder;
  readonly outside: OutsideStore;
  readonly keyring: Keyring;
  readonly deviceKey: Ed25519Key;
  /** Networks and members, as a device with nothing but the phrase will need them. */
  readonly details: () => SlotDetails["networks"];
  readonly crashPoint: (name: RekeyCrashPoint | ResealCrashPoint) => void;
  /** Told of every new sealed phrase slot, so that other members and central keep it. */
  readonly slotChanged: (slot: Uint8Array) => void;
}

/** The epoch of a device that never replaced another. */
const firstDeviceEpoch = 1;

/**
 * The verbs of the owner's keys, kept apart: a new password or a new phrase is a new slot for the same root secret, which
 * whoever had it keeps; only a re-key makes a new root. Each is one change of the record outside, whole or not at all.
 */
export class OwnerSecurity {
  readonly #options: OwnerSecurityOptions;
  readonly #record: OwnerRecord;
  readonly #making: PhraseMaking<MadePhrase>;
  readonly #turns = new Turns();
  /** The verb that makes a new root. */
  readonly rekey: Rekey;

  constructor(options: OwnerSecurityOptions) {
    this.#options = options;
    this.#record = new OwnerRecord(options);
    this.#making = new PhraseMaking(options.world, ({ phrase }) => phrase.erase());
    this.rekey = new Rekey({ ...options, record: this.#record, making: this.#making });
  }

  /**
   * The verbs, and the checks of a password before them, run one after the other: none overwrites what another has just
   * made, and none goes on by a password or a phrase that another has just replaced. Throws `stopping` after `close`.
   */
  alone<Result>(work: () => Promise<Result> | Result): Promise<Result> {
    return this.#turns.take(work);
  }

  /**
   * Waits for the verb that runs, and refuses those behind it: after a reset they would write the old owner's slots into the record of
   * a new device. Nobody may wait for this in a turn.
   */
  close(): Promise<void> {
    return this.#turns.close();
  }

  /** Undefined before the claim. */
  get identity(): Identity | undefined {
    return this.#record.identity;
  }

  /**
   * Makes an owner: root secret, password, and a phrase that is valid at once and waits to be confirmed. On a device that runs it is
   * called `alone`.
   */
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
        filePublicKey: keys.filePublicKey,
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

  /** Reset login: another password for the same root. The old one opens nothing any more, also with an older record. */
  changePassword(root: OpenedRoot, password: string): Promise<void> {
    return this.#reseal(root, password, this.asksAtBoot);
  }

  /** After the phrase opened the volume: the chip may be another one. */
  takeOverChip(root: OpenedRoot, password: string): Promise<void> {
    return this.#reseal(root, password, this.asksAtBoot);
  }

  async #reseal(root: OpenedRoot, password: string, asksAtBoot: boolean): Promise<void> {
    const { volumeSlot } = this.#options.keyring.slots();
    if (volumeSlot === undefined) throw envelopeFaults.fault("damaged-slot", "the slots have no volume key");
    const keys = root.deriveKeys();
    const secret = root.root();
    const volumeKey = unwrapVolumeKey(keys, volumeSlot);
    try {
      const { account, epoch } = root;
      const given = { root: secret, account, epoch, password, volumeKey: asksAtBoot ? undefined : volumeKey };
      await reseal(this.#options, given, (passwordSlot, sealed) => {
        this.#record.changeSlots(keys, { passwordSlot }, sealed);
      });
    } finally {
      for (const bytes of [secret, volumeKey]) bytes.fill(0);
      keys.erase();
    }
    this.#record.change({ passwordChangedAtMs: this.#options.world.nowMs() });
  }

  get asksAtBoot(): boolean {
    return this.#options.outside.record.sealedVolumeKey === undefined;
  }

  /**
   * Whether the volume opens only with chip and password together. A record from before opens no more by the chip alone.
   * `password` is the one in use.
   */
  async setAskAtBoot(root: OpenedRoot, enabled: boolean, password: string): Promise<void> {
    if (enabled !== this.asksAtBoot) await this.#reseal(root, password, enabled);
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

  /** Throws `phrase-unknown` where it is not the phrase in use, and what `parsePhrase` says. */
  checkPhrase(text: string): void {
    const { phraseSlot, account } = this.#options.keyring.slots();
    const phrase = parsePhrase(text);
    try {
      if (phraseSlot === undefined) throw envelopeFaults.fault("phrase-unknown", "this device has no phrase");
      openPhraseSlot(phraseSlot, phrase, account).opened.erase();
    } finally {
      phrase.erase();
    }
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
   * Takes a number above that of a slot somebody keeps (verified here), which is this phrase's own under a higher number,
   * or the former phrase's in the window of a re-key. Nothing happens while the device is locked. Whether it was renewed.
   */
  outnumber(kept: Uint8Array): boolean {
    const { keyring, world, details } = this.#options;
    if (!keyring.unlocked) return false;
    const { phraseSlot: inUse, previousRoots, account } = keyring.slots();
    if (inUse === undefined) return false;
    const own = verifySealedSlot(inUse);
    const other = verifySealedSlot(kept);
    if (!equalConstantTime(other.account, account) || other.epoch > own.epoch || other.number < own.number)
      return false;
    if (other.epoch === own.epoch && !equalConstantTime(other.locator, own.locator)) return false;
    const forgetBelow = this.rekey.running ? { forgetBelow: own.forgetBelow } : {};
    const renewal = {
      details: { networks: details(), previousRoots },
      number: other.number + 1,
      ...forgetBelow,
      world,
    };
    const { current } = keyring.keys();
    this.#record.changeSlots(current, { phraseSlot: resealDetails(inUse, current, renewal) });
    return true;
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
}
