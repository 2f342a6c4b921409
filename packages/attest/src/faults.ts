import { catalogue } from "@piccolo/fault";

/** Why a boot cannot be judged. Bytes without the right form are `malformed`; these are well-formed and say something else. */
export const attestFaults = catalogue({
  "log-unknown-event": {
    retry: "never",
    meaning:
      "The boot log has an event of a kind that is not known, or not known for its place; nothing after it can be believed. Report the device's model and firmware version.",
  },
  "log-unexpected": {
    retry: "never",
    meaning:
      "The boot log's events do not come in the order a boot has, or an event's data is not what was measured; the log was changed, or the firmware is at fault.",
  },
  "boot-not-measured": {
    retry: "never",
    meaning: "The log does not show a measured system image: the device was started another way than a release starts.",
  },
  "quote-unexplained": {
    retry: "never",
    meaning: "The log does not lead to the values the security chip vouches for; do not trust this boot.",
  },
});
