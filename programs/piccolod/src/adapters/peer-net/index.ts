/** The adapter of `PeerTransport`: libp2p between members' devices. */
export { createPeerNet, type PeerNet, type PeerNetOptions } from "./peer-net.ts";
export { relayKeys } from "./relay-key.ts";
