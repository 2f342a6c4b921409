import { createHash } from "node:crypto";
import { fromHex, toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import type { PeerTarget } from "@piccolo/storage/ports";
import type { RecoverParts } from "@piccolo/storage/recover";
import { type PeerNet, relayKeys } from "../adapters/peer-net/index.ts";
import type { PlacedDevice } from "./places.ts";

const mostDevices = 256;
const mostAddresses = 24;

/** Devices that may be asked, and where: what one more source tells of a device adds to what was known of it. */
export class KnownDevices {
  readonly #addresses = new Map<string, Set<string>>();

  add({ deviceKey, addresses }: PeerTarget): void {
    const name = toHex(deviceKey);
    const known = this.#addresses.get(name) ?? new Set<string>();
    if (!this.#addresses.has(name) && this.#addresses.size >= mostDevices) return;
    this.#addresses.set(name, known);
    for (const address of addresses) if (known.size < mostAddresses) known.add(address);
  }

  /** Those with an address. */
  all(): readonly PeerTarget[] {
    return [...this.#addresses]
      .filter(([, addresses]) => addresses.size > 0)
      .map(([name, addresses]) => ({ deviceKey: fromHex(name), addresses: [...addresses] }));
  }

  addressesOf(deviceKey: Uint8Array): readonly string[] {
    return [...(this.#addresses.get(toHex(deviceKey)) ?? [])];
  }

  /** Relays through which some of them are reached, by the addresses that name them. */
  relays(): readonly string[] {
    const all = [...this.#addresses.values()].flatMap((addresses) => [...addresses]);
    return all.flatMap((address) => /^(.+)\/p2p-circuit(?:\/|$)/.exec(address)?.[1] ?? []);
  }
}

/**
 * Devices behind the places a person gave. An address that names no key is asked whose it is; a sheet's hash decides
 * whether it is the right one.
 */
export async function resolvePlaces(
  net: Pick<PeerNet, "whoIsAt">,
  placed: readonly PlacedDevice[],
  { report, failed }: Pick<RecoverParts, "report" | "failed">,
  signal: AbortSignal,
): Promise<readonly PeerTarget[]> {
  const resolved = placed.map(async ({ keyHash, addresses }): Promise<readonly PeerTarget[]> => {
    const dialled = addresses.filter((address) => !address.includes("/http"));
    const named = dialled.flatMap((address) =>
      Array.from(relayKeys([address]), (key) => ({ deviceKey: fromHex(key), addresses: [address] })),
    );
    const nameless = dialled.filter((address) => relayKeys([address]).size === 0);
    const asked = nameless.map(async (address) => {
      try {
        return [await net.whoIsAt(address, signal)];
      } catch (error) {
        signal.throwIfAborted();
        if (!isFault(error)) throw error;
        report("place-not-reached", { code: error.code });
        failed?.(error);
        return [];
      }
    });
    // Where the sheet names the key beside an address, nobody has to be asked for it.
    const found = named.length > 0 ? named : (await Promise.all(asked)).flat();
    const [first] = found;
    const all =
      first === undefined ? [] : [...found, ...nameless.map((address) => ({ ...first, addresses: [address] }))];
    return all.filter(({ deviceKey }) => keyHash === undefined || hashOf(deviceKey) === keyHash);
  });
  return (await Promise.all(resolved)).flat();
}

const hashOf = (deviceKey: Uint8Array): string => createHash("sha256").update(deviceKey).digest("hex");
