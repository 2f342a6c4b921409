/** Devices on the local network, by multicast DNS as libp2p's specification "Multicast DNS" has it. */
import { BlockList, isIPv4 } from "node:net";
import { toHex } from "@piccolo/bytes";
import { peerIdFromString } from "@libp2p/peer-id";
import type { PeerTarget } from "@piccolo/storage/ports";
import type { World } from "@piccolo/world";
import type { MulticastDNS, Options, QueryPacket, ResponsePacket } from "multicast-dns";
import { appRange } from "../../apps/addresses.ts";
import { openMulticastDns } from "../mdns/bounded-mdns.ts";
import { isLocalAddress } from "../tls/certificates.ts";
import { deviceKeyOf } from "./device-peer.ts";
import type { Log } from "./serve-exchange.ts";

const service = "_p2p._udp.local";
const askEveryMs = 10_000;
const lifetimeSeconds = 120;
/** A device may tell of as many as it likes; of its own it tells no more either. */
const mostAddresses = 8;
const toldAddress = /^dnsaddr=(\/ip[46]\/[^/]+\/tcp\/\d{1,5}\/p2p\/([^/]+))$/;

/** Where apps have their networks, and the device speaks with itself. */
const insideBlocks = new BlockList();
insideBlocks.addSubnet(appRange.network, appRange.prefixBits);
insideBlocks.addSubnet("127.0.0.0", 8);
insideBlocks.addAddress("::1", "ipv6");

export interface LocalPeersOptions {
  readonly ownKey: Uint8Array;
  /** The device's own, as multiaddrs with its peer id. */
  readonly addresses: () => readonly string[];
  /** Whether it is remembered what this device tells of itself. */
  readonly isWanted: (deviceKey: Uint8Array) => boolean;
  /** While fewer devices than these are known, whoever tells of itself is remembered. */
  readonly mostOthers: number;
  readonly world: World;
  readonly log: Log;
  /** Tests stay on their own machine and port. */
  readonly socket?: Options | undefined;
}

/** The device that an answer is about, and the addresses of its own that it gives. */
export function toldBy({
  answers = [],
  additionals = [],
}: Pick<ResponsePacket, "answers" | "additionals">): PeerTarget | undefined {
  if (!answers.some(({ name, type }) => type === "PTR" && name.toLowerCase() === service)) return undefined;
  const told = [...answers, ...additionals]
    .flatMap((record) => (record.type === "TXT" ? [record.data].flat() : []))
    .flatMap((text) => {
      const [, address, peer] = toldAddress.exec(text.toString()) ?? [];
      return address === undefined || peer === undefined ? [] : [{ address, peer }];
    });
  const peer = told[0]?.peer;
  const deviceKey = peer === undefined ? undefined : keyNamed(peer);
  if (deviceKey === undefined) return undefined;
  const addresses = new Set(told.filter((one) => one.peer === peer).map(({ address }) => address));
  return { deviceKey, addresses: [...addresses].slice(0, mostAddresses) };
}

function keyNamed(peer: string): Uint8Array | undefined {
  try {
    return deviceKeyOf(peerIdFromString(peer));
  } catch {
    return undefined;
  }
}

/**
 * Asks who is there, and tells others where this device is. Anybody on the network can say anything, in any name: only what
 * is wanted is remembered, and of each device what it was last said to be.
 */
export class LocalPeers {
  readonly #options: LocalPeersOptions;
  readonly #dns: MulticastDNS;
  /** Carries no meaning, and is unlike any other's. */
  readonly #label: string;
  readonly #known = new Map<string, PeerTarget>();

  constructor(options: LocalPeersOptions) {
    this.#options = options;
    const { world, log, ownKey } = options;
    this.#label = toHex(world.randomBytes(16));
    this.#dns = openMulticastDns(options.socket);
    // No network yet, or one without multicast: it is tried again whenever an interface appears.
    this.#dns.on("warning", () => undefined);
    this.#dns.on("error", () => undefined);
    this.#dns.once("error", ({ message }: Error) => log("local-peers-unavailable", { message }));
    this.#dns.on("query", ({ questions }) => this.#answer(questions));
    this.#dns.on("response", (response) => {
      const told = toldBy(response);
      if (told !== undefined && Buffer.compare(told.deviceKey, ownKey) !== 0) this.#note(told);
    });
  }

  /** Until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#dns.query({ questions: [{ name: service, type: "PTR" }] });
      await this.#options.world.sleep(askEveryMs, signal).catch(() => undefined);
    }
    await new Promise<void>((resolve) => this.#dns.destroy(() => resolve()));
  }

  /** All that have told of themselves so far. */
  all(): readonly PeerTarget[] {
    return [...this.#known.values()];
  }

  addressesOf(deviceKey: Uint8Array): readonly string[] {
    return this.#known.get(toHex(deviceKey))?.addresses ?? [];
  }

  #note(told: PeerTarget): void {
    const name = toHex(told.deviceKey);
    const { isWanted, mostOthers } = this.#options;
    if (this.#known.has(name) || this.#known.size < mostOthers || isWanted(told.deviceKey)) this.#known.set(name, told);
  }

  #answer(questions: QueryPacket["questions"] = []): void {
    if (!questions.some(({ name }) => name.toLowerCase() === service)) return;
    const own = addressesTold(this.#options.addresses());
    if (own.length === 0) return;
    const name = `${this.#label}.${service}`;
    const shared = { class: "IN", ttl: lifetimeSeconds } as const;
    this.#dns.respond([
      { ...shared, name: service, type: "PTR", data: name },
      ...own.map((address) => ({ ...shared, name, type: "TXT" as const, data: `dnsaddr=${address}` })),
    ]);
  }
}

/**
 * What the local network hears of: what it can reach at once, and nothing else. Before those of the apps' own networks and of the
 * device in itself come all others, so that many apps never take the place of the one that counts.
 */
export function addressesTold(addresses: readonly string[]): readonly string[] {
  const told = addresses.flatMap((address) => {
    const host = /^\/ip[46]\/([^/]+)/.exec(address)?.[1];
    const isTold = toldAddress.test(`dnsaddr=${address}`) && host !== undefined && isLocalAddress(host);
    return isTold ? [{ address, isInside: insideBlocks.check(host, isIPv4(host) ? "ipv4" : "ipv6") }] : [];
  });
  return told
    .toSorted((a, b) => Number(a.isInside) - Number(b.isInside))
    .slice(0, mostAddresses)
    .map(({ address }) => address);
}
