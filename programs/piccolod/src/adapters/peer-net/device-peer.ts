import { publicKeyFromRaw } from "@libp2p/crypto/keys";
import { peerIdFromPublicKey } from "@libp2p/peer-id";
import type { Libp2p } from "libp2p";

export type PeerId = Libp2p["peerId"];

/** The libp2p name of an Ed25519 device key (32 raw bytes). */
export function peerIdOf(deviceKey: Uint8Array): PeerId {
  return peerIdFromPublicKey(publicKeyFromRaw(deviceKey));
}

/** The device key behind a libp2p name; undefined where that holds a key of another kind. */
export function deviceKeyOf(peerId: PeerId): Uint8Array | undefined {
  return peerId.type === "Ed25519" ? peerId.publicKey.raw : undefined;
}
