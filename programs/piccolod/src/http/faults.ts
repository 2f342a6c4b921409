import { catalogue } from "@piccolo/fault";

/** What the door of the device refuses before a feature sees the request. */
export const httpFaults = catalogue({
  "wrong-host": { retry: "never", meaning: "The request was meant for another name; use the device's own address." },
  csrf: { retry: "never", meaning: "The change does not come from the device's own page; reload it." },
  "unknown-route": { retry: "never", meaning: "There is nothing at this address." },
  "method-not-allowed": { retry: "never", meaning: "The address does not know this method." },
  "invalid-request": { retry: "never", meaning: "The request does not fit the interface; the text names the place." },
  "length-required": { retry: "never", meaning: "A JSON body is sent with its content-length." },
  "body-too-large": { retry: "never", meaning: "A JSON body has at most 64 KiB." },
  "unsupported-media-type": { retry: "never", meaning: "The body is of another type than the address takes." },
  "idempotency-key-reused": { retry: "never", meaning: "The key was used for another request; make a fresh one." },
  "idempotency-in-progress": { retry: "later", meaning: "The first request with this key still runs; ask again." },
  "too-many-streams": { retry: "later", meaning: "Too many event streams are open; close a page of the device." },
  internal: {
    retry: "later",
    meaning: "The device met a bug; try again, restart it if that does not help, and report it.",
  },
});
