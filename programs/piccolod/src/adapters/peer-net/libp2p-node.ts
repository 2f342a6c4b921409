import { circuitRelayTransport } from "@libp2p/circuit-relay-v2";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { dcutr } from "@libp2p/dcutr";
import { identify } from "@libp2p/identify";
import { tcp } from "@libp2p/tcp";
import { tls } from "@libp2p/tls";
import { yamux } from "@libp2p/yamux";
import type { Multiaddr } from "@multiformats/multiaddr";
import { muxerWindowBytes, withBoundedFrames } from "@piccolo/wire";
import { createLibp2p, type Libp2p } from "libp2p";
import { ConnectionShares } from "../connection-shares.ts";
import { deviceKeyOf, type PeerId } from "./device-peer.ts";
import { keepNewestConnections, mostPending } from "./inbound-shares.ts";

type Gater = NonNullable<NonNullable<Parameters<typeof createLibp2p>[0]>["connectionGater"]>;
type MultiaddrConnection = Parameters<NonNullable<Gater["denyInboundConnection"]>>[0];

export interface NodeOptions {
  /** 32 bytes; the node's libp2p key is the device key. */
  readonly deviceSeed: Uint8Array;
  readonly listen: readonly string[];
  readonly isAllowed: (deviceKey: Uint8Array) => boolean;
  readonly isRelay: (deviceKey: Uint8Array) => boolean;
  /** Devices that are no member's, and may be dialled all the same: this device is nobody's yet and asks them. */
  readonly isAsked: (deviceKey: Uint8Array) => boolean;
  /** Strangers let in at once, for the recovery protocol; 0 lets nobody in. */
  readonly mostStrangers: number;
  readonly dialTimeoutMs: number;
}

/** What libp2p gives its services only, and relay reservations need. */
export interface NodeInside {
  listen(addresses: Multiaddr[]): Promise<void>;
  /** Every address others may try, the node's own name included. */
  addresses(): readonly string[];
  /**
   * Stands for the addresses of the device's own interfaces, once it listens. The library tells others of a public one
   * only after a stranger has confirmed it from outside, and no stranger gets in here; a device behind the relay that is
   * told of it leaves the relay by dialling it. A wrong one costs a dial that fails.
   */
  confirmOwn(): void;
}

export interface Node {
  readonly libp2p: Libp2p;
  readonly inside: NodeInside;
}

/** How many requests one connection carries at once; the asking side keeps below it. */
export const maxStreamsPerConnection = 64;

/** Streams of one connection whatever their protocol: requests, recoveries, and at the relay one for each other member. */
const mostInboundStreams = 512;

const muxers = yamux({
  keepAliveInterval: 15_000,
  maxInboundStreams: mostInboundStreams,
  streamOptions: { maxStreamWindowSize: muxerWindowBytes },
});

/**
 * Makes the node; it is started by the caller. Nobody but members, the relay, and a few strangers who may ask for their
 * own recovery gets past its gate.
 */
export async function createNode(options: NodeOptions): Promise<Node> {
  const { isAllowed, isRelay } = options;
  const isMember = (peer: PeerId): boolean => {
    const key = deviceKeyOf(peer);
    return key !== undefined && isAllowed(key);
  };
  const isRelayPeer = (peer: PeerId): boolean => {
    const key = deviceKeyOf(peer);
    return key !== undefined && isRelay(key);
  };
  const isStranger = (peer: PeerId): boolean => !isMember(peer) && !isRelayPeer(peer);
  const isAsked = (peer: PeerId): boolean => {
    const key = deviceKeyOf(peer);
    return key !== undefined && options.isAsked(key);
  };
  /** Whether a device that knocks is kept out: a stranger for whom there is no room. */
  const isKeptOut = (peer: PeerId): boolean =>
    isStranger(peer) && (deviceKeyOf(peer) === undefined || strangersIn(libp2p, isStranger) >= options.mostStrangers);
  const isNotDialled = (peer: PeerId): boolean => isStranger(peer) && !isAsked(peer);
  const pending = new ConnectionShares(mostPending.libp2p);
  const pendingEnds = new WeakMap<object, () => void>();
  /** Whether there is no room for one more connection of that place whose key is not known yet. */
  const isCrowded = (connection: MultiaddrConnection): boolean => {
    const remote = directHost(connection.remoteAddr);
    // The relay lets through whom it knows; behind it nobody's own address is seen.
    if (remote === undefined) return false;
    const end = pending.begin(remote);
    if (end === undefined) return true;
    connection.addEventListener("close", end);
    pendingEnds.set(connection, end);
    return false;
  };
  let inside: NodeInside | undefined;
  const libp2p: Libp2p = await createLibp2p({
    start: false,
    privateKey: await generateKeyPairFromSeed("Ed25519", options.deviceSeed),
    addresses: { listen: [...options.listen] },
    transports: [tcp(), circuitRelayTransport()],
    connectionEncrypters: [tls()],
    streamMuxers: [() => withBoundedFrames(muxers())],
    nodeInfo: { userAgent: "piccolo" },
    // A ping waits behind the fragments on the same line. The library's five seconds would end every connection over a
    // slow uplink; a device that is really gone is noticed by the silence of its exchanges.
    connectionMonitor: { pingInterval: 30_000, pingTimeout: { minTimeout: 120_000, maxTimeout: 120_000 } },
    connectionManager: {
      maxConnections: 400,
      maxIncomingPendingConnections: mostPending.libp2p.ofAll,
      // A household, or a development network, comes from one address.
      inboundConnectionThreshold: 100,
      dialTimeout: options.dialTimeoutMs,
      addressDialTimeout: Math.min(4_000, options.dialTimeoutMs),
      // Direct addresses first, otherwise as they are given: best first.
      addressSorter: (a, b) => {
        const relayed = isRelayed(a.multiaddr);
        if (relayed === isRelayed(b.multiaddr)) return 0;
        return relayed ? 1 : -1;
      },
    },
    connectionGater: {
      denyDialPeer: isNotDialled,
      denyDialMultiaddr: () => false,
      denyInboundConnection: isCrowded,
      denyInboundEncryptedConnection: isKeptOut,
      denyOutboundEncryptedConnection: isNotDialled,
      denyInboundUpgradedConnection: (peer, connection) => {
        pendingEnds.get(connection)?.();
        return isKeptOut(peer);
      },
      denyOutboundUpgradedConnection: isNotDialled,
      denyInboundRelayReservation: () => true,
      denyOutboundRelayedConnection: () => true,
      denyInboundRelayedConnection: (relay, remote) => !isRelayPeer(relay) || isKeptOut(remote),
    },
    services: {
      identify: identify(),
      dcutr: dcutr(),
      inside: ({ transportManager, addressManager, peerId }) => {
        inside = {
          listen: (addresses) => transportManager.listen(addresses),
          addresses: () =>
            addressManager
              .getAddressesWithMetadata()
              // An address of the device's own interfaces is told to members even if nobody has confirmed it from outside.
              .filter(({ type, verified }) => verified || type === "transport")
              .map(({ multiaddr }) => withPeer(multiaddr.toString(), peerId.toString())),
          confirmOwn: () => {
            for (const { multiaddr, type, verified } of addressManager.getAddressesWithMetadata()) {
              if (type === "transport" && !verified) addressManager.confirmObservedAddr(multiaddr, { type });
            }
          },
        };
        return inside;
      },
    },
  });
  if (inside === undefined) throw new Error("libp2p has not made its services");
  keepNewestConnections(libp2p, isRelayPeer);
  return { libp2p, inside };
}

/** Connections that strangers have made to this device. */
function strangersIn(libp2p: Libp2p, isStranger: (peer: PeerId) => boolean): number {
  return libp2p
    .getConnections()
    .filter(({ direction, remotePeer }) => direction === "inbound" && isStranger(remotePeer)).length;
}

/** The host that the other side has, where no relay stands between. */
function directHost(address: Multiaddr): string | undefined {
  return isRelayed(address) ? undefined : /^\/ip[46]\/([^/]+)/.exec(address.toString())?.[1];
}

function isRelayed(address: Multiaddr): boolean {
  return address.toString().includes("/p2p-circuit");
}

/** The address with the name of the device at its end. */
export function withPeer(address: string, peer: string): string {
  return address.endsWith(`/p2p/${peer}`) ? address : `${address}/p2p/${peer}`;
}
