import assert from "node:assert/strict";
import type { PeerHandler, PeerTransport } from "@piccolo/storage/ports";
import type { World } from "@piccolo/world";
import { ClockEvidence } from "./clock-evidence.ts";
import { createNode, type Node } from "./libp2p-node.ts";
import { Libp2pPath } from "./libp2p-path.ts";
import { keepReserved } from "./relay-keeper.ts";
import type { Log } from "./serve-exchange.ts";
import { unreachable } from "./faults.ts";

export interface PeerNet {
  readonly transport: PeerTransport;
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
  readonly world: World;
  readonly log: Log;
  /** Finds members on the local network; off unless asked for. */
  readonly mdns?: boolean | undefined;
  /** Silence after which an exchange is given up; 30 s. */
  readonly idleTimeoutMs?: number | undefined;
  /** How long connecting may take, all addresses together; 10 s. */
  readonly dialTimeoutMs?: number | undefined;
}

/** The channels between this device and the other members' (docs/spec/wire.md section 3). */
export function createPeerNet(options: PeerNetOptions): PeerNet {
  const { deviceSeed, world, log } = options;
  assert.equal(deviceSeed.length, 32);
  const clocks = new ClockEvidence();
  const stopping = new AbortController();
  let running: { readonly node: Node; readonly path: Libp2pPath; readonly kept: Promise<void> } | undefined;

  return {
    transport: {
      request: async (peer, request, requestOptions) => {
        requestOptions.signal.throwIfAborted();
        if (running === undefined) throw unreachable("this device is not connected");
        return running.path.request(peer, request, requestOptions);
      },
    },
    addresses: () => running?.node.inside.addresses() ?? [],
    pathTo: (deviceKey) => running?.path.pathTo(deviceKey) ?? "none",
    noteClock: (deviceKey, offsetMs) => clocks.note(deviceKey, offsetMs),
    start: async () => {
      assert.ok(running === undefined && !stopping.signal.aborted, "a PeerNet is started once");
      const dialTimeoutMs = options.dialTimeoutMs ?? 10_000;
      const node = await createNode({ ...options, dialTimeoutMs, mdns: options.mdns === true });
      const path = new Libp2pPath(node, {
        ...options,
        idleTimeoutMs: options.idleTimeoutMs ?? 30_000,
        dialTimeoutMs,
        clocks,
        stopping: stopping.signal,
      });
      try {
        await path.start();
        await node.libp2p.start();
      } catch (error) {
        await node.libp2p.stop();
        throw error;
      }
      const kept = keepReserved({ node, relay: options.relay, world, log, signal: stopping.signal });
      running = { node, path, kept };
    },
    stop: async () => {
      stopping.abort();
      const ending = running;
      running = undefined;
      await ending?.kept;
      await ending?.node.libp2p.stop();
    },
  };
}
