import { catalogue } from "@piccolo/fault";

/** What can go wrong when keys and sealed bytes come from a disk, a peer or a locked device. */
export const envelopeFaults = catalogue({
  locked: {
    retry: "later",
    meaning: "The owner's keys are not in memory; unlock the device with the password, then do it again.",
  },
  "wrong-account": {
    retry: "never",
    meaning: "A root secret belongs to another account; use the recovery phrase of this one.",
  },
  "wrong-epoch": {
    retry: "never",
    meaning: "A file key is wrapped under another key epoch; open it with the keys of that epoch.",
  },
  "damaged-key": {
    retry: "never",
    meaning: "A wrapped file key is damaged or belongs to another file; restore the metadata from its backup.",
  },
  "wrong-password": {
    retry: "never",
    meaning: "The password does not open the slot, or the slot is damaged; try again, or use the recovery phrase.",
  },
  "slot-too-cheap": {
    retry: "never",
    meaning:
      "A password slot asks for less work than this version allows; set a password again with the recovery phrase.",
  },
  "phrase-length": {
    retry: "never",
    meaning: "A recovery phrase has another number of words than 24; enter all of them in order.",
  },
  "phrase-misspelt": {
    retry: "never",
    meaning: "Words of a recovery phrase are not in the list; correct those at the given positions.",
  },
  "phrase-checksum": {
    retry: "never",
    meaning:
      "All words of a recovery phrase are known but they do not fit together; compare words and order with the sheet.",
  },
  "phrase-unknown": {
    retry: "never",
    meaning: "A recovery phrase is valid but opens another slot than this one; use the newest phrase of this account.",
  },
  "damaged-slot": {
    retry: "never",
    meaning: "A sealed slot or slot list is damaged or not signed by its account; fetch another copy of it.",
  },
  "broken-rotation": {
    retry: "never",
    meaning: "A chain of owner keys does not lead from the account to its newest key; fetch it from somebody else.",
  },
  "damaged-metadata": {
    retry: "never",
    meaning: "A sealed metadata entry is damaged or belongs elsewhere; fetch it from another witness.",
  },
  "damaged-content": {
    retry: "later",
    meaning: "Sealed content is damaged, misplaced or incomplete; read it again from other holders.",
  },
});
