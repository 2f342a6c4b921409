import { equalConstantTime } from "@piccolo/bytes";
import { extendsOwnerChain } from "./owner-rotation.ts";
import type { SealedSlot } from "./phrase-slot.ts";

/** How many slots of one account anybody keeps: one in use, and one more while a phrase is being replaced. */
export const keptSlotsMax = 2;

/** What a keeper of slots (a witness, central) does with one that came. */
export type SlotDecision =
  | { readonly decision: "keep"; readonly forget: readonly SealedSlot[] }
  /** The very slot that is kept. */
  | { readonly decision: "kept-already" }
  | {
      readonly decision: "refuse";
      readonly reason: "locator-taken" | "old-number" | "old-epoch" | "other-chain" | "too-many";
    };

/**
 * Decides over a verified slot. `kept` are all slots the keeper has of the same account and the one under the same locator;
 * `same` says whether its bytes are kept already. Numbers rise, epochs do not fall and chains only go on, so that neither
 * an older slot nor a stolen older root takes the place of the newest.
 */
export function decideSlot(kept: readonly SealedSlot[], incoming: SealedSlot, same: boolean): SlotDecision {
  if (same) return { decision: "kept-already" };
  const own = kept.filter(({ account }) => equalConstantTime(account, incoming.account));
  const taken = kept.some(
    ({ account, locator }) =>
      equalConstantTime(locator, incoming.locator) && !equalConstantTime(account, incoming.account),
  );
  if (taken) return { decision: "refuse", reason: "locator-taken" };
  if (own.some(({ chain }) => !extendsOwnerChain(incoming.chain, chain) && !extendsOwnerChain(chain, incoming.chain))) {
    return { decision: "refuse", reason: "other-chain" };
  }
  if (own.some(({ epoch }) => epoch > incoming.epoch)) return { decision: "refuse", reason: "old-epoch" };
  if (own.some(({ number }) => number >= incoming.number)) return { decision: "refuse", reason: "old-number" };
  const forget = own.filter(
    ({ locator, number }) => number < incoming.forgetBelow || equalConstantTime(locator, incoming.locator),
  );
  if (own.length - forget.length + 1 > keptSlotsMax) return { decision: "refuse", reason: "too-many" };
  return { decision: "keep", forget };
}
