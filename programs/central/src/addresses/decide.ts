import { centralFaults } from "@piccolo/central-api";
import { multiaddr } from "@multiformats/multiaddr";

/** Refuses text that no libp2p could dial, so that one device cannot trouble the others with it. Throws `malformed`. */
export function checkMultiaddrs(multiaddrs: readonly string[]): void {
  for (const text of multiaddrs) {
    try {
      multiaddr(text);
    } catch (cause) {
      throw centralFaults.fault("malformed", "one of the addresses is not a multiaddr", { cause });
    }
  }
}
