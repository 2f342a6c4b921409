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
  "broken-rotation": {
    retry: "never",
    meaning: "A chain of owner keys does not lead from the account to its newest key; fetch it from somebody else.",
  },
  "damaged-content": {
    retry: "later",
    meaning: "Sealed content is damaged, misplaced or incomplete; read it again from other holders.",
  },
});
