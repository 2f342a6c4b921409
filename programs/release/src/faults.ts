import { catalogue } from "@piccolo/fault";

/** What can stop the release pipeline. Each meaning says what to do next. */
export const releaseFaults = catalogue({
  "tool-missing": { retry: "never", meaning: "A program the verb runs is not installed; install its package." },
  "tool-failed": { retry: "never", meaning: "A program the verb runs ended with an error, which the message quotes." },
  "input-missing": { retry: "never", meaning: "A file the verb reads is not there; check the path." },
  "butane-unfit": {
    retry: "never",
    meaning: "The Butane source, or what is filled into it, is not what the translator knows; change one of them.",
  },
  "translations-differ": {
    retry: "never",
    meaning: "Two translators of the same source disagree, so one of them is wrong; nothing is written.",
  },
  "output-exists": {
    retry: "never",
    meaning: "The output is there already and is not written over; name another place, or remove it.",
  },
  "overlay-in-release": {
    retry: "never",
    meaning: "The tree has a test's overlay in it and is never given to anybody; build it without.",
  },
  "release-unfit": {
    retry: "never",
    meaning:
      "A release does not hold what its papers and its signatures say; build it again, and give this one to nobody.",
  },
  "key-missing": { retry: "never", meaning: "A given set of keys is not whole; add the file the message names." },
  "key-unfit": {
    retry: "never",
    meaning: "A given key has not the kind or size its role needs, or does not fit its public half; replace it.",
  },
  "keys-not-separate": {
    retry: "never",
    meaning: "Two roles share a key, so that losing one loses both; give each role a key of its own.",
  },
});
