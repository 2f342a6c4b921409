/** One account with two epochs, its phrases, slots and lists, the same in every run: what tests and vectors of slots are about. */
import { SeededWorld } from "@piccolo/world";
import { deriveOwnerKeys } from "../src/owner-keys.ts";
import { certifyRotation, type OwnerChain } from "../src/owner-rotation.ts";
import { sealPasswordSlot } from "../src/password-slot.ts";
import { newPhrase, parsePhrase } from "../src/phrase.ts";
import { resealDetails, sealPhraseSlot } from "../src/phrase-slot.ts";
import { wrapPreviousRoot, wrapVolumeKey } from "../src/root-wraps.ts";
import type { SlotDetails } from "../src/slot-details.ts";
import { encodeSlotList } from "../src/slot-list.ts";
import { argon2id, leastCost } from "./argon2id.ts";

export const world = new SeededWorld("vectors/slots");
export const root = world.randomBytes(32);
export const laterRoot = world.randomBytes(32);
export const otherRoot = world.randomBytes(32);
export const keys = deriveOwnerKeys(root, 1);
export const laterKeys = deriveOwnerKeys(laterRoot, 2, keys.account);
export const otherKeys = deriveOwnerKeys(otherRoot, 1);
export const chain: OwnerChain = { firstOwnerPublicKey: keys.ownerPublicKey, rotations: [] };
export const laterChain: OwnerChain = { ...chain, rotations: [certifyRotation(keys, laterKeys)] };
export const otherChain: OwnerChain = { firstOwnerPublicKey: otherKeys.ownerPublicKey, rotations: [] };

export const words = newPhrase(world);
export const laterWords = newPhrase(world);
export const phrase = parsePhrase(words.join(" "));
export const laterPhrase = parsePhrase(laterWords.join(" "));

export const previousRoot = wrapPreviousRoot(laterKeys, root, 1);
export const details: SlotDetails = {
  networks: [
    {
      id: world.randomBytes(32),
      name: "Lindenstraße",
      central: "https://central.example",
      members: [
        {
          account: world.randomBytes(32),
          deviceKey: world.randomBytes(32),
          name: "Ada",
          addresses: ["/ip4/192.0.2.7/tcp/4001", "/dns4/ada.example/tcp/4001"],
        },
      ],
    },
  ],
  previousRoots: [],
};

export const slot = sealPhraseSlot({ root, phrase, ownerKeys: keys, chain, details, number: 1, world });
export const renewedSlot = resealDetails(slot, keys, { details, number: 2, world });
/** Made in a re-key: the old slot stays beside it. */
export const laterSlot = sealPhraseSlot({
  root: laterRoot,
  phrase: laterPhrase,
  ownerKeys: laterKeys,
  chain: laterChain,
  details: { ...details, previousRoots: [previousRoot] },
  number: 3,
  forgetBelow: 2,
  world,
});
/** The end of the re-key: the old slot goes. */
export const finalSlot = resealDetails(laterSlot, laterKeys, { details, number: 4, world });
export const otherSlot = sealPhraseSlot({
  root: otherRoot,
  phrase,
  ownerKeys: otherKeys,
  chain: otherChain,
  details,
  number: 9,
  world,
});

export const password = "Größe 7, correct horse";
export const pepper = world.randomBytes(32);
export const passwordSlot = await sealPasswordSlot({
  root,
  account: keys.account,
  epoch: 1,
  cost: leastCost,
  floor: leastCost,
  password,
  pepper,
  argon2: argon2id,
  world,
});

export const volumeKey = world.randomBytes(32);
export const volumeSlot = wrapVolumeKey(keys, volumeKey);
export const slotList = encodeSlotList(keys, {
  chain,
  number: 1,
  passwordSlot,
  phraseSlot: slot,
  volumeSlot,
  previousRoots: [],
});
/** After a re-key whose files are not all rewrapped; no password is set on the device yet. */
export const laterSlotList = encodeSlotList(laterKeys, {
  chain: laterChain,
  number: 2,
  passwordSlot: undefined,
  phraseSlot: laterSlot,
  volumeSlot: wrapVolumeKey(laterKeys, volumeKey),
  previousRoots: [previousRoot],
});

export function changed(bytes: Uint8Array, at: number, mask = 1): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[at] = (copy[at] ?? 0) ^ mask;
  return copy;
}
