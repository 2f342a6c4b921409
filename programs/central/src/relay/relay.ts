import { circuitRelayServer } from "@libp2p/circuit-relay-v2";
import { identify } from "@libp2p/identify";
import { tcp } from "@libp2p/tcp";
import { tls } from "@libp2p/tls";
import { yamux } from "@libp2p/yamux";
import { muxerWindowBytes, withBoundedFrames } from "@piccolo/wire";
import type { World } from "@piccolo/world";
import { createLibp2p } from "libp2p";
import type { Log } from "../adapters/log.ts";
import type { RelayFolder, RelayKey } from "./folder.ts";
import { deviceKeyOf, type PeerId } from "./peer-id.ts";

/** Who may do what at the relay. Answers come from what accounts and logs say at that moment. */
export interface RelayGate {
  /** Whether a device is one account's current one. */
  isRegistered(deviceKey: Uint8Array): boolean;
  /** Whether two devices act for members of one network. */
  share(deviceKey: Uint8Array, other: Uint8Array): boolean;
}

export interface Relay {
  readonly peerId: string;
  readonly multiaddrs: readonly string[];
  stop(): Promise<void>;
}

const maxReservations = 4_096;
const sweepEveryMs = 30_000;

/**
 * What one relayed connection may carry and how long it lasts. The library's own limits (128 KiB, two minutes) are for
 * public relays that help to punch holes; here whole fragments travel between members who have no other way.
 */
const limitPerConnection = { defaultDataLimit: 64n * 1024n ** 3n, defaultDurationLimit: 12 * 3_600_000 };
const reservationTtlMs = 2 * 3_600_000;

const muxers = yamux({ streamOptions: { maxStreamWindowSize: muxerWindowBytes } });

interface NodeParts {
  readonly privateKey: RelayKey;
  readonly listen: string;
  readonly gate: RelayGate;
}

async function startNode({ privateKey, listen, gate }: NodeParts) {
  const isStranger = (peer: PeerId): boolean => {
    const key = deviceKeyOf(peer);
    return key === undefined || !gate.isRegistered(key);
  };
  const node = await createLibp2p({
    start: false,
    privateKey,
    addresses: { listen: [listen] },
    transports: [tcp()],
    connectionEncrypters: [tls()],
    streamMuxers: [() => withBoundedFrames(muxers())],
    nodeInfo: { userAgent: "piccolo-central" },
    // Pings queue behind the bytes of fragments, so a short limit would cut busy connections.
    connectionMonitor: { pingInterval: 30_000, pingTimeout: { minTimeout: 120_000, maxTimeout: 120_000 } },
    connectionManager: {
      maxConnections: 2 * maxReservations,
      maxIncomingPendingConnections: 256,
      // A household, or a development network, comes from one address.
      inboundConnectionThreshold: 200,
    },
    connectionGater: {
      denyDialPeer: () => true,
      denyDialMultiaddr: () => true,
      denyInboundEncryptedConnection: isStranger,
      denyInboundRelayReservation: isStranger,
      denyOutboundRelayedConnection: (source, destination) => {
        const from = deviceKeyOf(source);
        const to = deviceKeyOf(destination);
        return from === undefined || to === undefined || !gate.share(from, to);
      },
    },
    services: {
      identify: identify(),
      relay: circuitRelayServer({
        maxInboundHopStreams: 256,
        maxOutboundStopStreams: 1_024,
        reservations: {
          maxReservations,
          reservationTtl: reservationTtlMs,
          applyDefaultLimit: true,
          ...limitPerConnection,
        },
      }),
    },
  });
  try {
    await node.start();
  } catch (error) {
    await node.stop();
    throw error;
  }
  return { node, isStranger };
}

/** Starts on the remembered port where the address leaves it open (port 0), on another one where that is taken now. */
async function startWhereRemembered(folder: RelayFolder, listen: string, gate: RelayGate) {
  const privateKey = await folder.privateKey();
  const [, before = "", after = ""] = /^(.*\/tcp\/)0(\/.*)?$/.exec(listen) ?? [];
  if (before === "") return startNode({ privateKey, listen, gate });
  const port = folder.rememberedPort();
  if (port !== undefined) {
    try {
      return await startNode({ privateKey, listen: `${before}${port}${after}`, gate });
    } catch {
      // Another program has the port: members learn the new address from central.
    }
  }
  const started = await startNode({ privateKey, listen, gate });
  const taken = /\/tcp\/(\d+)/.exec(started.node.getMultiaddrs()[0]?.toString() ?? "")?.[1];
  if (taken !== undefined) folder.rememberPort(Number(taken));
  return started;
}

/** Runs the circuit relay until it is stopped. */
export async function startRelay(p: {
  readonly folder: RelayFolder;
  readonly listen: string;
  readonly gate: RelayGate;
  readonly world: World;
  readonly log: Pick<Log, "error">;
}): Promise<Relay> {
  const { node, isStranger } = await startWhereRemembered(p.folder, p.listen, p.gate);
  const stopping = new AbortController();
  // The gate judges new connections; this ends those of devices that were replaced meanwhile.
  const sweep = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await p.world.sleep(sweepEveryMs, stopping.signal);
      try {
        for (const connection of node.getConnections()) {
          if (isStranger(connection.remotePeer)) connection.abort(new Error("the device is no longer registered"));
        }
      } catch (error) {
        // Who is registered cannot be read at the moment: those who are connected stay until the next round.
        p.log.error("the relay did not look through its connections", error);
      }
    }
  };
  const swept = sweep().catch((error: unknown) => {
    if (!stopping.signal.aborted) throw error;
  });
  return {
    peerId: node.peerId.toString(),
    multiaddrs: node.getMultiaddrs().map(String),
    stop: async () => {
      stopping.abort();
      await swept;
      await node.stop();
    },
  };
}
