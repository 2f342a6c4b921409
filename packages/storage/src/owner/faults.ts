import { catalogue } from "@piccolo/fault";

export const engineFaults = catalogue({
  "not-enough-fragments": {
    retry: "later",
    meaning: "Fewer than k holders of a segment can serve it now; it is readable again when enough of them return.",
  },
  "too-few-holders": {
    retry: "later",
    meaning: "Too few members are online to make new content durable, and the room for waiting content is used up.",
  },
  "version-busy": { retry: "later", meaning: "The version is being written by another request." },
  "version-incomplete": { retry: "never", meaning: "The committed bytes are not the bytes that were declared." },
  "version-unknown": { retry: "never", meaning: "There is no such version." },
  "spool-damaged": {
    retry: "never",
    meaning: "Content that lay only on this device is missing or changed on its disk; upload it again.",
  },
});
