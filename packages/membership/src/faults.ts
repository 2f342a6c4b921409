import { catalogue } from "@piccolo/fault";

/** Why an entry, an invitation or a whole log is refused. */
export const membershipFaults = catalogue({
  "wrong-network": {
    retry: "never",
    meaning: "The log is another network's; ask for the log of the network this device belongs to.",
  },
  "membership-forked": {
    retry: "never",
    meaning: "Two different entries claim one place in the log; make the entry again on the newest log.",
  },
  "membership-gap": {
    retry: "later",
    meaning: "Entries between the known log and this one are missing; fetch them first.",
  },
  "membership-full": {
    retry: "never",
    meaning: "The log has as many entries, or rotations of those who joined, as it may have; found another network.",
  },
  "too-many-changes": {
    retry: "never",
    meaning: "A member has changed device or owner key as often as one may; leave, and join again by an invitation.",
  },
  "membership-duplicate": { retry: "never", meaning: "The entry is in the log already; nothing is to be done." },
  "membership-time": {
    retry: "never",
    meaning: "The entry is older than the one before it; make it again with a right clock.",
  },
  "entry-untimely": {
    retry: "later",
    meaning: "The entry's time is far from now; correct the clock of the device that made it.",
  },
  "membership-signature": {
    retry: "never",
    meaning: "A signature does not fit; the entry or invitation was changed or is not by whom it names.",
  },
  "too-few-signers": {
    retry: "never",
    meaning: "Too few members signed: the founder below four members, two members from four on. Ask another to sign.",
  },
  "not-a-member": { retry: "never", meaning: "The owner is not a member of this network; join it first." },
  "already-a-member": { retry: "never", meaning: "The owner is a member of this network already." },
  "last-member": { retry: "never", meaning: "The last member cannot leave; a network without members has no voice." },
  "account-mismatch": {
    retry: "never",
    meaning: "The account id is not that of the owner key; join with the owner's own keys.",
  },
  "invitation-used": { retry: "never", meaning: "The invitation has been used; ask a member for a new one." },
  "invitation-expired": { retry: "never", meaning: "The invitation has expired; ask a member for a new one." },
  "invitation-foreign": { retry: "never", meaning: "The invitation is for another network; join that one with it." },
  "invitation-refused": {
    retry: "never",
    meaning: "The text is not a whole invitation; copy it again from the member who sent it.",
  },
  "device-fenced": {
    retry: "never",
    meaning: "The device epoch was reached before; a replacing device needs a higher one.",
  },
  "device-key-in-use": {
    retry: "never",
    meaning: "The device key was used in this network before; make a new key for the device.",
  },
  "owner-key-rotated": {
    retry: "never",
    meaning: "A newer owner key has taken this one's place; sign again with the newest.",
  },
  "owner-key-gap": {
    retry: "never",
    meaning: "Rotations between the known owner key and this one are missing; bring all of them.",
  },
  "owner-key-in-use": {
    retry: "never",
    meaning: "The owner key was used in this network before; make a new root secret.",
  },
  "name-refused": {
    retry: "never",
    meaning: "A display name has 1 to 64 characters, no control characters and no space at its ends.",
  },
});
