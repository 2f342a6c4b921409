import { catalogue, type Fault, isFault } from "@piccolo/fault";

/** What every `PeerTransport` throws: why a request to another device came to nothing. */
export const transportFaults = catalogue({
  "peer-unreachable": {
    retry: "later",
    meaning: "The other member's device cannot be reached, or does not let this one in; see that it is switched on.",
  },
  "peer-clock": {
    retry: "later",
    meaning: "The clocks of the two devices are more than an hour apart; correct the wrong one.",
  },
  "peer-timeout": { retry: "later", meaning: "The other member's device stopped answering; it is asked again later." },
  "peer-protocol": {
    retry: "never",
    meaning:
      "The other member's device answered something that is no message, or that does not fit; update both devices.",
  },
});

export type TransportFault = Fault<keyof typeof transportFaults.entries>;

/** An answer that does not follow the wire's form is the peer's fault; everything else stays what it is. */
export function asTransportFault(error: unknown): unknown {
  if (!isFault(error, "malformed")) return error;
  return transportFaults.fault("peer-protocol", `the device's answer is no message: ${error.message}`, {
    cause: error,
  });
}
