/** The adapter of `PeerTransport`: libp2p between members' devices. */
export { peerFaults } from "./faults.ts";
export { createPeerNet, type PeerNet, type PeerNetOptions } from "./peer-net.ts";
export { relayKeys } from "./relay-key.ts";
