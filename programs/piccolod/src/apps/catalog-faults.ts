import { catalogue } from "@piccolo/fault";

export const catalogSourceFaults = catalogue({
  "catalog-app-not-found": {
    retry: "never",
    meaning: "No catalog of this device has that app; look at the list again.",
  },
  "digest-unverified": {
    retry: "never",
    meaning: "Nobody has verified an image of this app yet, so the catalog does not offer it for installation.",
  },
  "wrong-architecture": { retry: "never", meaning: "The app has no image for this device's processor." },
  "needs-newer-os": {
    retry: "never",
    meaning: "The app needs a newer release of the system; update the device first.",
  },
  "catalog-not-found": { retry: "never", meaning: "This device has no such catalog; look at the list again." },
  "catalog-built-in": { retry: "never", meaning: "The catalog came with the system, and is renewed with it." },
  "catalog-known": { retry: "never", meaning: "This device has the catalog already." },
  "catalog-forked": {
    retry: "never",
    meaning: "Two different catalogs have the same number: ask its publisher which one is right.",
  },
  "catalog-unreachable": {
    retry: "later",
    meaning: "The catalog's place does not answer, or has no catalog; check the address and try again.",
  },
  "catalog-too-large": { retry: "never", meaning: "The catalog is larger than a catalog may be." },
  "too-many-catalogs": { retry: "never", meaning: "The device has as many catalogs as it takes; remove one first." },
});
