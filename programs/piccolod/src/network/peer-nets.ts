/** The connections of this device: those of the member it is, and those of a device that asks as a stranger. */
import { toHex } from "@piccolo/bytes";
import type { PeerHandler } from "@piccolo/storage/ports";
import type { World } from "@piccolo/world";
import { type createPeerNet, type PeerNet, relayKeys } from "../adapters/peer-net/index.ts";
import type { Log } from "../adapters/log.ts";
import type { Config } from "../config.ts";
import type { OpenRecoveryNet } from "../recovery/recovery.ts";
import type { PeerNetHooks } from "./types.ts";

/** More than a household and its neighbours have. */
const mostLocalStrangers = 64;

export interface PeerNetsOptions {
  readonly config: Pick<Config, "mdns" | "peerListen" | "peerBulkPort">;
  readonly deviceSeed: Uint8Array;
  /** What strangers may ask, once the device can answer. */
  readonly strangers: () => PeerHandler;
  readonly create: typeof createPeerNet;
  readonly world: World;
  readonly log: Log;
}

export interface PeerNets {
  readonly openMemberNet: (hooks: PeerNetHooks) => PeerNet;
  readonly openRecoveryNet: OpenRecoveryNet;
}

/** The handler as it is when something is asked. */
function late(handler: () => PeerHandler): PeerHandler {
  return {
    admit: (key, frame) => handler().admit(key, frame),
    handle: (key, request, signal) => handler().handle(key, request, signal),
  };
}

export function createPeerNets(options: PeerNetsOptions): PeerNets {
  const { config, create, world, log } = options;
  const { mdns, peerListen, peerBulkPort } = config;
  const strangers = late(options.strangers);
  const report = (event: string, facts: Readonly<Record<string, unknown>>): void => log.info(event, facts);
  return {
    openMemberNet: (hooks) =>
      create({
        deviceSeed: options.deviceSeed,
        // What strangers on the network say is no reason to ask central for news.
        mdns: mdns ? { isMember: hooks.isMember, mostOthers: 0 } : undefined,
        listen: [peerListen],
        // Bulk bodies take a port of their own on the same address; where it is, the other members read at central.
        bulk: { host: peerListen.split("/")[2] ?? "127.0.0.1", port: peerBulkPort },
        relay: hooks.relays,
        isAllowed: hooks.isAllowed,
        isRelay: (key) => relayKeys(hooks.relays()).has(toHex(key)),
        handler: late(hooks.handler),
        recover: strangers,
        world,
        log: report,
      }),
    openRecoveryNet: (deviceSeed, { isAllowed, relays }) =>
      create({
        deviceSeed,
        // It asks and is not asked.
        listen: [],
        // Whose members they are is found out by asking.
        mdns: mdns ? { isMember: isAllowed, mostOthers: mostLocalStrangers } : undefined,
        relay: () => [],
        isAllowed,
        isRelay: (key) => relayKeys(relays()).has(toHex(key)),
        handler: strangers,
        world,
        log: report,
      }),
  };
}
