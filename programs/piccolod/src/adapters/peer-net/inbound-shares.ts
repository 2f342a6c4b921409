import type { Libp2p } from "libp2p";

/**
 * Connections at once that have not proved a key yet. A household, or a development network, comes from one address, and
 * of the direct path each of its devices makes eight. Whoever is turned away tries again within seconds, or takes the
 * other path.
 */
export const mostPending = {
  libp2p: { ofNetwork: 24, ofAll: 384 },
  direct: { ofNetwork: 96, ofAll: 768 },
};

/** A device has a direct one and one through the relay; others are left over from before it lost its power. */
const mostOfDevice = 4;

/**
 * Ends the oldest connections of a device that has made too many. The newest stays, since the others may be of a time
 * before the device was switched off.
 */
export function keepNewestConnections(libp2p: Libp2p, isRelay: (peer: Libp2p["peerId"]) => boolean): void {
  libp2p.addEventListener("connection:open", ({ detail: opened }) => {
    if (opened.direction !== "inbound" || isRelay(opened.remotePeer)) return;
    const older = libp2p
      .getConnections(opened.remotePeer)
      .filter(({ direction, id, status }) => direction === "inbound" && status === "open" && id !== opened.id)
      .toSorted((a, b) => b.timeline.open - a.timeline.open);
    for (const connection of older.slice(mostOfDevice - 1))
      connection.abort(new Error("the device has newer connections"));
  });
}
