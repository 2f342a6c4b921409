import {
  type OwnerKeys,
  parsePhrase,
  type Phrase,
  sealPhraseSlot,
  type SlotDetails,
  type SlotList,
  verifySealedSlot,
} from "@piccolo/envelope";
import type { World } from "@piccolo/world";

/** A phrase that waits to be confirmed: its slot for the present root, and what a re-key needs to seal another root. */
export interface MadePhrase {
  readonly slot: Uint8Array;
  readonly phrase: Phrase;
}

/** The phrase's slot for the root of `keys`, and the phrase itself, the caller's to erase. */
export function sealPhrase(
  text: string,
  parts: {
    readonly keys: OwnerKeys;
    readonly root: Uint8Array;
    readonly chain: SlotList["chain"];
    readonly number: number;
    readonly details: SlotDetails;
    readonly world: World;
  },
): { readonly locator: Uint8Array; readonly slot: MadePhrase } {
  const { keys: ownerKeys, root, chain, number, details, world } = parts;
  const phrase = parsePhrase(text);
  const slot = sealPhraseSlot({ root, phrase, ownerKeys, chain, details, number, world });
  return { locator: phrase.locator, slot: { slot, phrase } };
}

export function sameLocator(slot: Uint8Array, locator: Uint8Array | undefined): boolean {
  return locator !== undefined && Buffer.compare(verifySealedSlot(slot).locator, locator) === 0;
}
