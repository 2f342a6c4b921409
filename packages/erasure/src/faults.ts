import { catalogue } from "@piccolo/fault";

/** What can go wrong when shards come from holders that may be away. */
export const erasureFaults = catalogue({
  "too-few-shards": {
    retry: "later",
    meaning: "Fewer than k of the n shards are present; bring more holders online, then do it again.",
  },
});
