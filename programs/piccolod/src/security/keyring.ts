import {
  type Argon2id,
  createKeyRing,
  decodeSlotList,
  envelopeFaults,
  type KeyRing,
  type OpenedRoot,
  openPasswordSlot,
  openPhraseSlot,
  openPreviousKeys,
  type OwnerKeys,
  parsePhrase,
  type PasswordCost,
  type SlotList,
  unwrapVolumeKey,
} from "@piccolo/envelope";
import { authFaults } from "../auth/types.ts";
import type { OutsideStore } from "./outside-store.ts";
import type { SecurityChip } from "./security-chip.ts";
import { volumeFaults } from "./volume.ts";

export interface KeyringOptions {
  readonly outside: OutsideStore;
  readonly chip: SecurityChip;
  readonly argon2: Argon2id;
  /** Slots that cost less to guess are refused. */
  readonly floor: PasswordCost;
}

/** The owner's keys while the device is unlocked. The root secret itself is in memory only while a slot is made. */
export class Keyring {
  readonly #options: KeyringOptions;
  readonly #listeners = new Set<(unlocked: boolean) => void>();
  #ring: KeyRing | undefined;

  constructor(options: KeyringOptions) {
    this.#options = options;
  }

  get hasOwner(): boolean {
    return this.#options.outside.record.slots !== undefined;
  }

  get unlocked(): boolean {
    return this.#ring !== undefined;
  }

  /** Throws `not-claimed`, `locked`. */
  keys(): KeyRing {
    if (this.#ring !== undefined) return this.#ring;
    this.slots();
    throw envelopeFaults.fault("locked", "the device is locked: enter the password, then do it again");
  }

  /** Throws `not-claimed`, and what speaks against the list. */
  slots(): SlotList {
    const { slots } = this.#options.outside.record;
    if (slots === undefined) throw authFaults.fault("not-claimed", "this device has no owner yet; set it up first");
    return decodeSlotList(slots);
  }

  /** The root secret, the caller's to erase. Throws `wrong-password`, `not-claimed`, `volume-swapped`, and what the chip says. */
  async openRoot(password: string): Promise<OpenedRoot> {
    const { chip, argon2, floor, outside } = this.#options;
    const slots = this.slots();
    const root = await openRootByPassword(
      { chip, argon2, floor, sealedPepper: outside.record.sealedPepper },
      slots,
      password,
    );
    return checkOwnVolume(outside, slots, root, "password");
  }

  /** The same by the phrase in use. Throws `phrase-unknown`, what `parsePhrase` says, `not-claimed`, `volume-swapped`. */
  openRootByPhrase(text: string): OpenedRoot {
    const slots = this.slots();
    const phrase = parsePhrase(text);
    try {
      if (slots.phraseSlot === undefined) {
        throw envelopeFaults.fault("phrase-unknown", "this device has no phrase: sign in with the password");
      }
      const { opened } = openPhraseSlot(slots.phraseSlot, phrase, slots.account);
      return checkOwnVolume(this.#options.outside, slots, opened, "phrase");
    } finally {
      phrase.erase();
    }
  }

  /** Unlocks with a root secret, which stays the caller's. Keys held already stay: requests may be using them. */
  hold(root: OpenedRoot): void {
    if (this.#ring?.epoch === root.epoch) return;
    this.holdKeys(root.deriveKeys());
  }

  /** Unlocks with the keys of the current epoch, and takes them over. */
  holdKeys(current: OwnerKeys): void {
    const ring = createKeyRing(current, openPreviousKeys(current, this.slots().previousRoots));
    this.#ring?.erase();
    this.#ring = ring;
    this.#tell(true);
  }

  /** Overwrites the keys; whatever holds a reference to them gets `locked` from then on. */
  lock(): void {
    if (this.#ring === undefined) return;
    this.#ring.erase();
    this.#ring = undefined;
    this.#tell(false);
  }

  /** Called after each change. */
  onChange(listener: (unlocked: boolean) => void): void {
    this.#listeners.add(listener);
  }

  #tell(unlocked: boolean): void {
    for (const listener of this.#listeners) listener(unlocked);
  }
}

/** Gives the root back, or erases it and throws `volume-swapped`. */
function checkOwnVolume(outside: OutsideStore, slots: SlotList, root: OpenedRoot, by: string): OpenedRoot {
  if (isOwnVolume(outside, slots, root)) return root;
  root.erase();
  const message = `the ${by} is right, but this is another volume than its owner's: switch the device off and do not use it`;
  throw volumeFaults.fault("volume-swapped", message);
}

/**
 * Whether the open volume is the one whose key the owner's slots hold. The chip seals for everybody who asks, so a volume
 * that opens by itself may be a stranger's, who has put the owner's slots beside it to be there when the keys are.
 */
function isOwnVolume(outside: OutsideStore, { volumeSlot }: SlotList, root: OpenedRoot): boolean {
  if (volumeSlot === undefined) return false;
  const keys = root.deriveKeys();
  let volumeKey: Uint8Array | undefined;
  try {
    volumeKey = unwrapVolumeKey(keys, volumeSlot);
    return outside.isOf(volumeKey);
  } finally {
    volumeKey?.fill(0);
    keys.erase();
  }
}

/** Every attempt costs the same work, whatever is wrong. Throws `wrong-password`, and what the chip says. */
export async function openRootByPassword(
  parts: Omit<KeyringOptions, "outside"> & { readonly sealedPepper: Uint8Array | undefined },
  { passwordSlot, account }: SlotList,
  password: string,
): Promise<OpenedRoot> {
  const { chip, argon2, floor, sealedPepper } = parts;
  if (passwordSlot === undefined || sealedPepper === undefined) {
    throw envelopeFaults.fault("wrong-password", "no password opens this device: use the recovery phrase");
  }
  const pepper = await chip.unseal(sealedPepper);
  try {
    return await openPasswordSlot(passwordSlot, { password, pepper, argon2, floor, account });
  } finally {
    pepper.fill(0);
  }
}
