/** The verb that makes a new root secret: what is written of it at once, and at its end. */
import assert from "node:assert/strict";
import {
  certifyDevice,
  certifyRotation,
  deriveOwnerKeys,
  encodeSlotList,
  envelopeFaults,
  newRootSecret,
  type OpenedRoot,
  resealDetails,
  rotationsMax,
  sealPhraseSlot,
  unwrapVolumeKey,
  wrapPreviousRoot,
  wrapVolumeKey,
} from "@piccolo/envelope";
import type { MadePhrase } from "./made-phrase.ts";
import type { OwnerRecord } from "./owner-record.ts";
import type { OwnerSecurityOptions } from "./owner-security.ts";
import type { PhraseMaking, PhraseProof } from "./phrase-making.ts";
import { rekeyFaults } from "./rekey.ts";
import { reseal } from "./resealing.ts";

export interface RekeyOptions extends OwnerSecurityOptions {
  readonly record: OwnerRecord;
  readonly making: PhraseMaking<MadePhrase>;
}

export class Rekey {
  readonly #options: RekeyOptions;

  constructor(options: RekeyOptions) {
    this.#options = options;
  }

  /** Whether a re-key has begun and is not over. */
  get running(): boolean {
    return this.#options.keyring.hasOwner && this.#options.keyring.slots().previousRoots.length > 0;
  }

  /**
   * Re-key, first part: a new root secret with a new phrase and the same password, in one change of the record. The old
   * root stays, wrapped under the new one, and the old phrase's slot stays with others, until `end`. The phrase is
   * one that `makePhrase` made. Throws `rekey-running`, `too-many-rekeys`, and as `confirmPhrase` does.
   */
  async begin(root: OpenedRoot, password: string, proof: PhraseProof): Promise<void> {
    const { keyring, outside, world, details, slotChanged, crashPoint, record, making } = this.#options;
    const before = keyring.slots();
    if (this.running) throw rekeyFaults.fault("rekey-running", "the re-key before has not ended: wait for it");
    if (before.chain.rotations.length >= rotationsMax) {
      throw rekeyFaults.fault("too-many-rekeys", "this account cannot change its keys any more");
    }
    if (before.volumeSlot === undefined) {
      throw envelopeFaults.fault("damaged-slot", "the slots have no volume key: use the phrase");
    }
    const made = making.confirm(proof, undefined);
    assert.ok(made !== undefined);
    const oldRoot = root.root();
    const oldKeys = root.deriveKeys();
    const newRoot = newRootSecret(world);
    const newKeys = deriveOwnerKeys(newRoot, root.epoch + 1, root.account);
    const volumeKey = unwrapVolumeKey(oldKeys, before.volumeSlot);
    const { account, epoch } = newKeys;
    const asksAtBoot = outside.record.sealedVolumeKey === undefined;
    const given = { root: newRoot, account, epoch, password, volumeKey: asksAtBoot ? undefined : volumeKey };
    const write: Parameters<typeof reseal>[2] = (passwordSlot, sealed) => {
      // Read after all that takes time: meanwhile the slot in use may have been renewed, which its keepers have by now.
      const list = keyring.slots();
      assert.equal(list.epoch, root.epoch);
      const oldNumber = record.phraseNumber;
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
      outside.change({ ...sealed, slots: encodeSlotList(newKeys, changed) });
      crashPoint("after-rekey-slots");
      keyring.holdKeys(deriveOwnerKeys(newRoot, epoch, account));
      slotChanged(phraseSlot);
      record.change({ phraseConfirmed: true, phraseMadeAtMs: world.nowMs() });
    };
    try {
      await reseal(this.#options, given, write);
    } finally {
      for (const secret of [oldRoot, newRoot, volumeKey]) secret.fill(0);
      oldKeys.erase();
      newKeys.erase();
      made.phrase.erase();
    }
  }

  /**
   * Re-key, last part, once nothing is wrapped under the old root and others hold the new slots: the old root is
   * forgotten, here and in the phrase's slot, and what a locked device knows is that of the new epoch.
   */
  end(): void {
    const { keyring, world, details, slotChanged, crashPoint, record } = this.#options;
    const ring = keyring.keys();
    const { phraseSlot: inUse } = keyring.slots();
    const number = record.phraseNumber + 1;
    const renewal = { details: { networks: details(), previousRoots: [] }, number, world };
    const phraseSlot = inUse === undefined ? undefined : resealDetails(inUse, ring.current, renewal);
    crashPoint("before-rekey-end");
    record.changeSlots(ring.current, { phraseSlot, previousRoots: [] });
    crashPoint("after-rekey-end");
    ring.forgetPrevious();
    if (phraseSlot !== undefined) slotChanged(phraseSlot);
  }

  /**
   * What a locked device knows becomes that of the newest epoch: certificate, owner key, and the key under which
   * backups are made. Those of the epoch before stay for the entries made under them. Harmless when repeated.
   */
  followEpoch(): void {
    const { keyring, deviceKey, crashPoint, record } = this.#options;
    const { epoch, certificate, metadataKey, formerMetadataKeys } = record.known();
    const { current } = keyring.keys();
    if (epoch === current.epoch) return;
    crashPoint("before-rekey-identity");
    record.change({
      epoch: current.epoch,
      ownerPublicKey: current.ownerPublicKey,
      filePublicKey: current.filePublicKey,
      certificate: certifyDevice(current, deviceKey.publicKey, certificate.deviceEpoch),
      metadataKey: current.metadataKey(),
      formerMetadataKeys: [...formerMetadataKeys, { epoch, key: metadataKey }],
    });
    crashPoint("after-rekey-identity");
  }

  /** The metadata keys of earlier epochs, once no entry of the log needs them any more. */
  forgetFormerKeys(): void {
    const { record } = this.#options;
    if (this.running || record.known().formerMetadataKeys.length === 0) return;
    record.change({ formerMetadataKeys: [] });
  }
}
