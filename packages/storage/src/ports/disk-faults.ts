import { catalogue } from "@piccolo/fault";

/** What every `Disk` throws. */
export const diskFaults = catalogue({
  "not-found": { retry: "never", meaning: "A file the store counts on is not on the disk; it has to be rebuilt." },
  "disk-full": { retry: "later", meaning: "The disk has no room; free some or lower the quota, then do it again." },
  "disk-error": { retry: "later", meaning: "The disk failed or a file on it is damaged; look at the device's disk." },
});
