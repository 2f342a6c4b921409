import type { DeviceCertificate, OpenedPhraseSlot, OwnerKeys } from "@piccolo/envelope";
import { catalogue } from "@piccolo/fault";
import type { FoundMembership } from "@piccolo/storage/recover";

export const recoveryFaults = catalogue({
  "place-refused": {
    retry: "never",
    meaning: "The place is neither a recovery sheet's text nor the address of a device; copy it again from the sheet.",
  },
  "phrase-unknown": {
    retry: "never",
    meaning: "Nothing is kept under this phrase; look at the words again, or use the newest phrase of the account.",
  },
  "no-members-reachable": {
    retry: "later",
    meaning: "No member could be reached; check that the device is online, and give a sheet or a member's address.",
  },
  "members-disagree": {
    retry: "later",
    meaning: "The members in reach have different member lists; see that more of them are online, then try again.",
  },
  "clock-wrong": {
    retry: "later",
    meaning: "This device's clock is wrong, so nobody lets it in; set it right, then begin again.",
  },
  "network-unknown": {
    retry: "later",
    meaning: "No member list was found in which this owner is; give the recovery sheet or another member's address.",
  },
  "device-key-used": {
    retry: "never",
    meaning: "This device was the owner's before and was replaced; reset it, then recover on it again.",
  },
  "recovery-running": { retry: "later", meaning: "A recovery is under way on this device; wait until it has ended." },
  "recovery-stale": {
    retry: "later",
    meaning: "Too few members have answered for the newest state; wait for more, or accept what was found.",
  },
  "nothing-to-accept": { retry: "never", meaning: "Nothing that was recovered waits to be accepted." },
  "not-replaced": {
    retry: "never",
    meaning: "No other device has taken this one's place: nothing is to be reclaimed.",
  },
  "keys-changed": {
    retry: "never",
    meaning: "The other device has changed the owner's keys since; its newest phrase is needed to recover.",
  },
});

/** What the phrase led to: keys, and the network as its members' log has it. */
export interface FoundOwner {
  readonly slot: Uint8Array;
  readonly opened: OpenedPhraseSlot;
  /** Of the slot's epoch, and in the middle of a re-key those before, newest first. */
  readonly keys: readonly OwnerKeys[];
  readonly membership: FoundMembership;
}

/** This device in its owner's name. */
export interface TakenPlace {
  readonly membership: FoundMembership;
  readonly certificate: DeviceCertificate;
  /** Those of the epoch the membership log knows. */
  readonly keys: OwnerKeys;
}

/** What was recovered before enough witnesses had answered. */
export interface Staleness {
  readonly answered: number;
  readonly needed: number;
  /** When the newest entry found was made; null where none was found. */
  readonly newestAtMs: number | null;
}
