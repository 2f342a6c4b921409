import assert from "node:assert/strict";
import { toHex } from "@piccolo/bytes";
import type { PeerHandler, PeerTarget, PeerTransport } from "@piccolo/storage/ports";
import type { World } from "@piccolo/world";
import { BulkPath, bulkAddressOf } from "./bulk-path.ts";
import { BulkServer } from "./bulk-server.ts";
import { channelCertificate } from "./channel-certificate.ts";
import { ClockEvidence } from "./clock-evidence.ts";
import { deviceKeyOf } from "./device-peer.ts";
import { createNode, type Node } from "./libp2p-node.ts";
import { LocalPeers, type LocalPeersOptions } from "./local-peers.ts";
import { Libp2pPath, protocol, recoverProtocol } from "./libp2p-path.ts";
import { keepReserved } from "./relay-keeper.ts";
import type { Log } from "./serve-exchange.ts";
import { unreachable } from "./faults.ts";

export interface PeerNet {
  readonly transport: PeerTransport;
  /** Asks any device over the recovery protocol, as one that is nobody's yet. */
  readonly recoverTransport: PeerTransport;
  /** The device that answers at an address (multiaddr) of which no more is known. Throws `peer-unreachable`. */
  whoIsAt(address: string, signal: AbortSignal): Promise<PeerTarget>;
  /** Devices that multicast DNS has found so far; none where it is off. */
  localDevices(): readonly PeerTarget[];
  /** Own addresses others can dial, best first, those through the relay included; empty before `start`. */
  addresses(): readonly string[];
  /** How the device is connected now. */
  pathTo(deviceKey: Uint8Array): "direct" | "relay" | "none";
  /** What a hello measured: the peer's clock minus the own one. Failures to connect are explained by it. */
  noteClock(deviceKey: Uint8Array, offsetMs: number): void;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface PeerNetOptions {
  /** Ed25519 seed, 32 bytes: the channel proves the device key that follows from it. */
  readonly deviceSeed: Uint8Array;
  /** Multiaddrs, such as `/ip4/0.0.0.0/tcp/0`. */
  readonly listen: readonly string[];
  /** Addresses of central's relay, with its peer id; empty where there is none. Asked again and again. */
  readonly relay: () => readonly string[];
  /** Whether this is the current device of a member. */
  readonly isAllowed: (deviceKey: Uint8Array) => boolean;
  readonly isRelay: (deviceKey: Uint8Array) => boolean;
  readonly handler: PeerHandler;
  /** Answers strangers who ask for their own recovery; without it no stranger is let in. */
  readonly recover?: PeerHandler | undefined;
  readonly world: World;
  readonly log: Log;
  /** Finds devices on the local network by multicast DNS; off unless asked for. */
  readonly mdns?: LocalSearch | undefined;
  /**
   * The direct path for whole fragments: HTTP/1.1 over mutual TLS, which costs half of libp2p's processor time. The port
   * is announced beside the multiaddrs; 0 takes a free one. Devices that do not answer there are asked over libp2p.
   */
  readonly bulk?: { readonly host: string; readonly port: number } | undefined;
  /** Silence after which an exchange is given up; 30 s. */
  readonly idleTimeoutMs?: number | undefined;
  /** How long connecting may take, all addresses together; 10 s. */
  readonly dialTimeoutMs?: number | undefined;
}

/** Whom a device looks for on the local network, beside those that it asks over the recovery protocol. */
export interface LocalSearch extends Pick<LocalPeersOptions, "mostOthers" | "socket"> {
  /** Asked of everybody who is heard. */
  readonly isMember: (deviceKey: Uint8Array) => boolean;
}

/** Strangers connected at once, and how long each may stay. */
const mostStrangers = 8;
const strangerStayMs = 60_000;

interface Running {
  readonly node: Node;
  readonly path: Libp2pPath;
  readonly recoverPath: Libp2pPath;
  readonly localPeers: LocalPeers | undefined;
  readonly bulk: { readonly server: BulkServer; readonly path: BulkPath; readonly port: number } | undefined;
  readonly kept: Promise<unknown>;
}

/** The channels between this device and the other members' (docs/spec/wire.md section 4). */
export function createPeerNet(options: PeerNetOptions): PeerNet {
  const { deviceSeed, world, log, isAllowed, handler } = options;
  assert.equal(deviceSeed.length, 32);
  const clocks = new ClockEvidence();
  const stopping = new AbortController();
  const dialTimeoutMs = options.dialTimeoutMs ?? 10_000;
  const limits = { idleTimeoutMs: options.idleTimeoutMs ?? 30_000, world, log, clocks, stopping: stopping.signal };
  /** Devices that are asked over the recovery protocol now, and how often at once. */
  const asked = new Map<string, number>();
  /** Addresses whose devices are asked who they are: until they have said so, any device may answer. */
  let asking = 0;
  let running: Running | undefined;

  const startBulk = async (): Promise<Running["bulk"]> => {
    if (options.bulk === undefined) return undefined;
    const certificate = channelCertificate(deviceSeed);
    const server = new BulkServer({ ...limits, certificate, handler, isAllowed });
    const port = await server.listen(options.bulk.host, options.bulk.port);
    const connectTimeoutMs = Math.min(5_000, dialTimeoutMs);
    return { server, port, path: new BulkPath({ ...limits, certificate, connectTimeoutMs }) };
  };

  const localPeersOf = ({ libp2p, inside }: Node): LocalPeers | undefined => {
    const { mdns } = options;
    const ownKey = deviceKeyOf(libp2p.peerId);
    if (mdns === undefined || ownKey === undefined) return undefined;
    return new LocalPeers({
      ...mdns,
      ownKey,
      addresses: () => inside.addresses(),
      isWanted: (deviceKey) => mdns.isMember(deviceKey) || asked.has(toHex(deviceKey)),
      world,
      log,
    });
  };

  const stopAll = async (parts: Partial<Running>): Promise<void> => {
    parts.bulk?.path.close();
    await Promise.all([parts.kept, parts.bulk?.server.close(), parts.node?.libp2p.stop()]);
  };

  return {
    transport: {
      request: async (peer, request, requestOptions) => {
        requestOptions.signal.throwIfAborted();
        if (running === undefined) throw unreachable("this device is not connected");
        if (!isAllowed(peer.deviceKey)) throw unreachable("the device is not a member's; it is not asked");
        const reply = await running.bulk?.path.request(peer, request, requestOptions);
        return reply ?? running.path.request(peer, request, requestOptions);
      },
    },
    recoverTransport: {
      request: async (peer, request, requestOptions) => {
        requestOptions.signal.throwIfAborted();
        if (running === undefined) throw unreachable("this device is not connected");
        const name = toHex(peer.deviceKey);
        asked.set(name, (asked.get(name) ?? 0) + 1);
        try {
          return await running.recoverPath.request(peer, request, requestOptions);
        } finally {
          const left = (asked.get(name) ?? 1) - 1;
          if (left === 0) asked.delete(name);
          else asked.set(name, left);
        }
      },
    },
    whoIsAt: async (address, signal) => {
      if (running === undefined) throw unreachable("this device is not connected");
      asking++;
      try {
        return await running.recoverPath.whoIsAt(address, signal);
      } finally {
        asking--;
      }
    },
    localDevices: () => running?.localPeers?.all() ?? [],
    addresses: () => (running === undefined ? [] : addressesOf(running, options.bulk?.host)),
    pathTo: (deviceKey) => {
      if (running?.bulk?.path.isConnectedTo(deviceKey) === true) return "direct";
      return running?.path.pathTo(deviceKey) ?? "none";
    },
    noteClock: (deviceKey, offsetMs) => clocks.note(deviceKey, offsetMs),
    start: async () => {
      assert.ok(running === undefined && !stopping.signal.aborted, "a PeerNet is started once");
      const node = await createNode({
        ...options,
        dialTimeoutMs,
        isAsked: (deviceKey) => asking > 0 || asked.has(toHex(deviceKey)),
        mostStrangers: options.recover === undefined ? 0 : mostStrangers,
      });
      const localAddressesOf = (deviceKey: Uint8Array): readonly string[] =>
        running?.localPeers?.addressesOf(deviceKey) ?? [];
      const channel = { ...limits, dialTimeoutMs, localAddressesOf };
      const path = new Libp2pPath(node, { ...channel, protocol, handler, isAllowed });
      const recoverPath = new Libp2pPath(node, {
        ...channel,
        protocol: recoverProtocol,
        handler: options.recover ?? handler,
        isAllowed: () => true,
      });
      let bulk: Running["bulk"];
      try {
        await path.start();
        if (options.recover !== undefined) await recoverPath.start();
        sendStrangersAway(node, options, stopping.signal);
        await node.libp2p.start();
        node.inside.confirmOwn();
        bulk = await startBulk();
      } catch (error) {
        await stopAll({ node });
        throw error;
      }
      const { signal } = stopping;
      const localPeers = localPeersOf(node);
      const kept = Promise.all([
        keepReserved({ node, relay: options.relay, world, log, signal }),
        localPeers?.run(signal),
      ]);
      running = { node, path, recoverPath, localPeers, bulk, kept };
    },
    stop: async () => {
      stopping.abort();
      const ending = running;
      running = undefined;
      await stopAll(ending ?? {});
    },
  };
}

/** A stranger who recovers asks a dozen questions within seconds; whoever stays is sent away. */
function sendStrangersAway(
  { libp2p }: Node,
  { isAllowed, isRelay, world }: PeerNetOptions,
  stopping: AbortSignal,
): void {
  libp2p.addEventListener("connection:open", ({ detail: connection }) => {
    const key = deviceKeyOf(connection.remotePeer);
    const isStranger = (): boolean => key === undefined || (!isAllowed(key) && !isRelay(key));
    if (connection.direction !== "inbound" || !isStranger()) return;
    world.sleep(strangerStayMs, stopping).then(
      () => {
        if (isStranger() && connection.status === "open") connection.abort(new Error("a stranger stays too long"));
      },
      () => undefined,
    );
  });
}

/** As many as central takes of one device; a device with many interfaces tells some of each kind. */
const mostAddresses = { bulk: 5, direct: 7, relayed: 4 };

/** For each host the device itself listens on the address of the direct path, then libp2p's, those of the relay last. */
function addressesOf({ node, bulk }: Running, bulkHost: string | undefined): readonly string[] {
  const all = node.inside.addresses();
  const direct = all.filter((address) => !address.includes("/p2p-circuit"));
  const relayed = all.filter((address) => address.includes("/p2p-circuit"));
  const isEveryHost = bulkHost === "0.0.0.0" || bulkHost === "::";
  const ownHosts = direct.flatMap((address) => /^\/ip[46]\/([^/]+)\//.exec(address)?.[1] ?? []);
  const hosts = isEveryHost || bulkHost === undefined ? ownHosts : [bulkHost];
  const places = bulk === undefined ? [] : [...new Set(hosts.map((host) => bulkAddressOf(host, bulk.port)))];
  return [
    ...places.slice(0, mostAddresses.bulk),
    ...direct.slice(0, mostAddresses.direct),
    ...relayed.slice(0, mostAddresses.relayed),
  ];
}
