/** The end of a recovery: volume, chip, password and slots become the owner's, in one change of the record outside. */
import {
  type Argon2id,
  encodeSlotList,
  type PasswordCost,
  pepperBytes,
  sealPasswordSlot,
  wrapVolumeKey,
} from "@piccolo/envelope";
import type { World } from "@piccolo/world";
import type { DurableFolder } from "../adapters/state-folder.ts";
import { takeUnclaimedKey } from "../security/boot.ts";
import { type Identity, writeIdentity } from "../security/identity.ts";
import type { OutsideStore } from "../security/outside-store.ts";
import type { SecurityChip } from "../security/security-chip.ts";
import type { FoundOwner, TakenPlace } from "./types.ts";

export interface BecomingOptions {
  readonly content: DurableFolder;
  readonly outside: OutsideStore;
  readonly chip: SecurityChip;
  readonly argon2: Argon2id;
  readonly world: World;
  readonly cost: PasswordCost;
  readonly floor: PasswordCost;
}

export interface PreparedOwner {
  readonly identity: Identity;
  /** Everything is durable when it returns: from then on the device has its owner. */
  commit(): void;
}

/**
 * Makes the slots: a new password under a new pepper, the volume's key under the owner's, and the phrase's slot as it was
 * found. What takes time happens here, so that the commit is one write.
 */
export async function prepareOwner(
  options: BecomingOptions,
  { slot: phraseSlot, opened, keys: held }: FoundOwner,
  { membership, certificate, keys: keysByLog }: TakenPlace,
  password: string,
): Promise<PreparedOwner> {
  const { content, outside, chip, argon2, world, cost, floor } = options;
  const { account, epoch, chain, details } = opened;
  const root = opened.opened.root();
  const pepper = world.randomBytes(pepperBytes);
  const volumeKey = takeUnclaimedKey(content);
  const keys = opened.opened.deriveKeys();
  try {
    const sealedPepper = await chip.seal(pepper, "pepper");
    const sealing = { root, account, epoch, password, pepper, cost, floor, argon2, world };
    const passwordSlot = await sealPasswordSlot(sealing);
    const volumeSlot = wrapVolumeKey(keys, volumeKey);
    const { previousRoots } = details;
    const slots = encodeSlotList(keys, { chain, number: 1, passwordSlot, phraseSlot, volumeSlot, previousRoots });
    const nowMs = world.nowMs();
    const identity: Identity = {
      name: membership.state.memberByAccount(account)?.name ?? "",
      account,
      ownerPublicKey: keysByLog.ownerPublicKey,
      filePublicKey: keysByLog.filePublicKey,
      epoch: keysByLog.epoch,
      certificate,
      metadataKey: keysByLog.metadataKey(),
      formerMetadataKeys: held
        .filter((former) => former.epoch < keysByLog.epoch)
        .map((former) => ({ epoch: former.epoch, key: former.metadataKey() })),
      passwordChangedAtMs: nowMs,
      phraseMadeAtMs: nowMs,
      // Whoever has just typed it has it.
      phraseConfirmed: true,
    };
    return {
      identity,
      commit: () => {
        writeIdentity(content, identity);
        outside.change({ sealedPepper, slots });
      },
    };
  } finally {
    for (const secret of [root, pepper, volumeKey]) secret.fill(0);
    keys.erase();
  }
}
