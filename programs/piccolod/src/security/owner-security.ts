import assert from "node:assert/strict";
import {
  type Argon2id,
  certifyDevice,
  certifyRotation,
  deriveOwnerKeys,
  type Ed25519Key,
  encodeSlotList,
  envelopeFaults,
  firstEpoch,
  newRootSecret,
  rotationsMax,
  type OpenedRoot,
  type OwnerKeys,
  parsePhrase,
  type PasswordCost,
  type Phrase,
  pepperBytes,
  openSlotDetails,
  resealDetails,
  sealPasswordSlot,
  sealPhraseSlot,
  type SlotDetails,
  type SlotList,
  unwrapVolumeKey,
  verifySealedSlot,
  wrapPreviousRoot,
  wrapVolumeKey,
} from "@piccolo/envelope";
import type { World } from "@piccolo/world";
import type { DurableFolder } from "../adapters/state-folder.ts";
import { authFaults } from "../auth/types.ts";
import { forgetUnclaimedKey, takeUnclaimedKey } from "./boot.ts";
import { type Identity, readIdentity, writeIdentity } from "./identity.ts";
import type { Keyring } from "./keyring.ts";
import type { OutsideStore } from "./outside-store.ts";
import { PhraseMaking, type PhraseProof, type ShownPhrase } from "./phrase-making.ts";
import { type RekeyCrashPoint, rekeyFaults } from "./rekey.ts";
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

/** A phrase that waits to be confirmed: its slot for the present root, and what a re-key needs to seal another root. */
interface Made {
  readonly slot: Uint8Array;
  readonly phrase: Phrase;
}

type ListChange = Partial<Pick<SlotList, "passwordSlot" | "phraseSlot" | "volumeSlot" | "previousRoots" | "chain">>;

/**
 * The verbs of the owner's keys, kept apart: a new password or a new phrase is a new slot for the same root secret and
 * revokes nothing; only a re-key makes a new root. Each is one change of the record outside, whole or not at all.
 */
export class OwnerSecurity {
  readonly #options: OwnerSecurityOptions;
  readonly #making: PhraseMaking<Made>;
  #identity: Identity | undefined;

  constructor(options: OwnerSecurityOptions) {
    this.#options = options;
    this.#making = new PhraseMaking(options.world, ({ phrase }) => phrase.erase());
    // The slots outside are what makes an owner: a claim that was cut short before them never happened.
    this.#identity = options.keyring.hasOwner ? readIdentity(options.content) : undefined;
    if (options.keyring.hasOwner && this.#identity === undefined) {
      throw envelopeFaults.fault("damaged-slot", "the device has an owner whose identity is missing: reset the device");
    }
  }

  /** Undefined before the claim. */
  get identity(): Identity | undefined {
    return this.#identity;
  }

  #known(): Identity {
    if (this.#identity === undefined) {
      throw authFaults.fault("not-claimed", "this device has no owner yet; set it up first");
    }
    return this.#identity;
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
      writeIdentity(content, identity);
      const volumeSlot = wrapVolumeKey(keys, volumeKey);
      const list = { chain, number: 1, passwordSlot, phraseSlot, volumeSlot, previousRoots: [] };
      outside.change({ sealedPepper, slots: encodeSlotList(keys, list) });
      this.#identity = identity;
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
    this.#identity = readIdentity(this.#options.content);
  }

  /** This device has another key, under another device epoch. */
  takeCertificate(certificate: Identity["certificate"]): void {
    this.#write({ certificate });
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
    this.#write({ passwordChangedAtMs: this.#options.world.nowMs() });
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
    this.#write({ passwordChangedAtMs: this.#options.world.nowMs() });
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
    const { phraseSlot } = this.#options.keyring.slots();
    return phraseSlot === undefined ? 0 : verifySealedSlot(phraseSlot).number;
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
      this.#changeWith(keys.current, { phraseSlot });
      slotChanged(phraseSlot);
    }
    this.#write({ phraseConfirmed: true, ...(isNew ? { phraseMadeAtMs: world.nowMs() } : {}) });
  }

  /** Whether a re-key has begun and is not over. */
  get rekeying(): boolean {
    return this.#options.keyring.hasOwner && this.#options.keyring.slots().previousRoots.length > 0;
  }

  /**
   * Re-key, first part: a new root secret with a new phrase and the same password, in one change of the record. The old
   * root stays, wrapped under the new one, and the old phrase's slot stays with others, until `endRekey`. The phrase is
   * one that `makePhrase` made. Throws `rekey-running`, `too-many-rekeys`, and as `confirmPhrase` does.
   */
  async beginRekey(root: OpenedRoot, password: string, proof: PhraseProof): Promise<void> {
    const { keyring, outside, chip, world, details, slotChanged, crashPoint } = this.#options;
    const before = keyring.slots();
    const running = (): Error => rekeyFaults.fault("rekey-running", "the re-key before has not ended: wait for it");
    if (this.rekeying) throw running();
    if (before.chain.rotations.length >= rotationsMax) {
      throw rekeyFaults.fault("too-many-rekeys", "this account cannot change its keys any more");
    }
    const { sealedPepper } = outside.record;
    if (before.volumeSlot === undefined || sealedPepper === undefined) {
      throw envelopeFaults.fault("damaged-slot", "the slots lack the volume key or the pepper: use the phrase");
    }
    const made = this.#making.confirm(proof, undefined);
    assert.ok(made !== undefined);
    const oldRoot = root.root();
    const oldKeys = root.deriveKeys();
    const newRoot = newRootSecret(world);
    const newKeys = deriveOwnerKeys(newRoot, root.epoch + 1, root.account);
    const volumeKey = unwrapVolumeKey(oldKeys, before.volumeSlot);
    let pepper: Uint8Array = new Uint8Array(0);
    try {
      pepper = await chip.unseal(sealedPepper);
      const { account, epoch } = newKeys;
      const { argon2, cost, floor } = this.#options;
      const sealing = { root: newRoot, account, epoch, password, pepper, cost, floor, argon2, world };
      const passwordSlot = await sealPasswordSlot(sealing);
      // Read after all that takes time: meanwhile the slot in use may have been renewed, which its keepers have by now.
      const list = keyring.slots();
      if (list.epoch !== root.epoch) throw running();
      const oldNumber = this.phraseNumber;
      const rotations = [...list.chain.rotations, certifyRotation(oldKeys, newKeys)];
      const chain = { ...list.chain, rotations };
      const previousRoots = [wrapPreviousRoot(newKeys, oldRoot, root.epoch)];
      const phraseSlot = sealPhraseSlot({
        root: newRoot,
        phrase: made.phrase,
        ownerKeys: newKeys,
        chain,
        details: { networks: details(), previousRoots },
        number: oldNumber + 1,
        forgetBelow: Math.max(1, oldNumber),
        world,
      });
      const volumeSlot = wrapVolumeKey(newKeys, volumeKey);
      const changed = { chain, number: list.number + 1, passwordSlot, phraseSlot, volumeSlot, previousRoots };
      crashPoint("before-rekey-slots");
      outside.change({ slots: encodeSlotList(newKeys, changed) });
      crashPoint("after-rekey-slots");
      keyring.holdKeys(deriveOwnerKeys(newRoot, epoch, account));
      slotChanged(phraseSlot);
      this.#write({ phraseConfirmed: true, phraseMadeAtMs: world.nowMs() });
    } finally {
      for (const secret of [oldRoot, newRoot, volumeKey, pepper]) secret.fill(0);
      oldKeys.erase();
      newKeys.erase();
      made.phrase.erase();
    }
  }

  /**
   * Re-key, last part, once nothing is wrapped under the old root and others hold the new slots: the old root is
   * forgotten, here and in the phrase's slot, and what a locked device knows is that of the new epoch.
   */
  endRekey(): void {
    const { keyring, world, details, slotChanged, crashPoint } = this.#options;
    const ring = keyring.keys();
    const { phraseSlot: inUse } = keyring.slots();
    const number = this.phraseNumber + 1;
    const renewal = { details: { networks: details(), previousRoots: [] }, number, world };
    const phraseSlot = inUse === undefined ? undefined : resealDetails(inUse, ring.current, renewal);
    crashPoint("before-rekey-end");
    this.#changeWith(ring.current, { phraseSlot, previousRoots: [] });
    crashPoint("after-rekey-end");
    ring.forgetPrevious();
    if (phraseSlot !== undefined) slotChanged(phraseSlot);
  }

  /**
   * What a locked device knows becomes that of the newest epoch: certificate, owner key, and the key under which
   * backups are made. Those of the epoch before stay for the entries made under them. Harmless when repeated.
   */
  followEpoch(): void {
    const { keyring, deviceKey, crashPoint } = this.#options;
    const { epoch, certificate, metadataKey, formerMetadataKeys } = this.#known();
    const { current } = keyring.keys();
    if (epoch === current.epoch) return;
    crashPoint("before-rekey-identity");
    this.#write({
      epoch: current.epoch,
      ownerPublicKey: current.ownerPublicKey,
      certificate: certifyDevice(current, deviceKey.publicKey, certificate.deviceEpoch),
      metadataKey: current.metadataKey(),
      formerMetadataKeys: [...formerMetadataKeys, { epoch, key: metadataKey }],
    });
    crashPoint("after-rekey-identity");
  }

  /** The metadata keys of earlier epochs, once no entry of the log needs them any more. */
  forgetFormerKeys(): void {
    if (this.rekeying || this.#known().formerMetadataKeys.length === 0) return;
    this.#write({ formerMetadataKeys: [] });
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
    const forgetBelow = this.rekeying ? { forgetBelow: verifySealedSlot(inUse).forgetBelow } : {};
    const renewal = { details: { networks, previousRoots }, number: this.phraseNumber + 1, ...forgetBelow, world };
    this.#changeWith(current, { phraseSlot: resealDetails(inUse, current, renewal) });
    return true;
  }

  #change(root: OpenedRoot, change: ListChange, outside: Parameters<OutsideStore["change"]>[0] = {}): void {
    const keys = root.deriveKeys();
    try {
      this.#changeWith(keys, change, outside);
    } finally {
      keys.erase();
    }
  }

  #changeWith(keys: OwnerKeys, change: ListChange, outside: Parameters<OutsideStore["change"]>[0] = {}): void {
    const { account: _account, epoch: _epoch, ownerPublicKey: _key, ...list } = this.#options.keyring.slots();
    const slots = encodeSlotList(keys, { ...list, ...change, number: list.number + 1 });
    this.#options.outside.change({ ...outside, slots });
  }

  #write(change: Partial<Identity>): void {
    const identity: Identity = { ...this.#known(), ...change };
    writeIdentity(this.#options.content, identity);
    this.#identity = identity;
  }
}

function sealPhrase(
  text: string,
  parts: {
    readonly keys: OwnerKeys;
    readonly root: Uint8Array;
    readonly chain: SlotList["chain"];
    readonly number: number;
    readonly details: SlotDetails;
    readonly world: World;
  },
): { readonly locator: Uint8Array; readonly slot: Made } {
  const { keys: ownerKeys, root, chain, number, details, world } = parts;
  const phrase = parsePhrase(text);
  const slot = sealPhraseSlot({ root, phrase, ownerKeys, chain, details, number, world });
  return { locator: phrase.locator, slot: { slot, phrase } };
}

function sameLocator(slot: Uint8Array, locator: Uint8Array | undefined): boolean {
  return locator !== undefined && Buffer.compare(verifySealedSlot(slot).locator, locator) === 0;
}
