import { catalogue, type Fault, isFault } from "@piccolo/fault";

/** Why a request to another device came to nothing, as the port `PeerTransport` names it. */
export const peerFaults = catalogue({
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
    meaning: "The other member's device answered something that is no message; update both devices.",
  },
});

export type PeerFault = Fault<keyof typeof peerFaults.entries>;

/** A response that is not a message is the peer's fault; everything else stays what it is. */
export function asPeerFault(error: unknown): unknown {
  if (!isFault(error, "malformed")) return error;
  return peerFaults.fault("peer-protocol", `the device's answer is no message: ${error.message}`, { cause: error });
}

export function unreachable(message: string, cause?: unknown): PeerFault {
  return peerFaults.fault("peer-unreachable", message, cause === undefined ? {} : { cause });
}
