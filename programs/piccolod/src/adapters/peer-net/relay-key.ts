import { toHex } from "@piccolo/bytes";
import { peerIdFromString } from "@libp2p/peer-id";
import { deviceKeyOf } from "./device-peer.ts";

/** The keys (hex) that relays at these multiaddrs must prove; addresses without a key of our kind name nobody. */
export function relayKeys(multiaddrs: readonly string[]): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const address of multiaddrs) {
    const name = /\/p2p\/([A-Za-z0-9]+)$/.exec(address)?.[1];
    if (name === undefined) continue;
    try {
      const key = deviceKeyOf(peerIdFromString(name));
      if (key !== undefined) keys.add(toHex(key));
    } catch {
      // Central's word is only a hint, and one that cannot be read is none.
    }
  }
  return keys;
}
