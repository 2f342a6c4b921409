import { catalogue } from "@piccolo/fault";

/** Why the owner's content cannot be changed, while it can be read. */
export const backupFaults = catalogue({
  "backup-checking": {
    retry: "later",
    meaning:
      "After a start the device first asks the other members what they witnessed, and too few of them have answered.",
  },
  "backup-forked": {
    retry: "never",
    meaning: "The other members witnessed other changes than this device has; it changes nothing more by itself.",
  },
  "device-replaced": {
    retry: "never",
    meaning: "Another device took this one's place; use that one, or the recovery phrase if it is not yours.",
  },
});
