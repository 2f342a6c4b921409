/** Ids, bridges and addresses that are an app's own, from the number of its slot. Pure. */
import { type IdRange, idRangeSize, type NetworkSpec } from "./runtime/container-spec.ts";

/** A quarter of all ids, far from those of people and of `/etc/subuid`. */
const firstId = 0x4000_0000;
export const slotsMax = 2_048;

export function idsAt(start: number): IdRange {
  return { start, size: idRangeSize };
}

export function idStartOf(slot: number): number {
  return firstId + slot * idRangeSize;
}

/** The device on this machine, so that several in development keep apart: four letters and digits. */
export interface DeviceNetworks {
  readonly tag: string;
  /** First address of a /14 that is the device's own: 2,048 times two networks of /26. */
  readonly base: number;
}

/** A /26: the gateway, and two addresses for each service, so that two generations of an app can run side by side. */
const networkBits = 26;
const networkSize = 2 ** (32 - networkBits);
export const servicesMax = Math.floor((networkSize - 3) / 2);

/** Where all networks of apps lie. */
export const appRange = { network: "10.128.0.0", prefixBits: 9 } as const;

/** `appRange` has 32 of /14: one by the device's tag. */
export function deviceNetworks(tag: string, number: number): DeviceNetworks {
  const [ten, upperHalf, each, count] = [10 * 2 ** 24, 128 * 2 ** 16, 2 ** 18, 32];
  return { tag, base: ten + upperHalf + (number % count) * each };
}

export const bridgePrefix = ({ tag }: DeviceNetworks): string => `pc${tag}-`;

/** Whether an interface is a bridge of apps, of whichever device on this machine. */
export const isAppBridge = (name: string): boolean => /^pc[0-9a-z]{4}-/.test(name);

function dotted(address: number): string {
  return [24, 16, 8, 0].map((bits) => Math.floor(address / 2 ** bits) % 256).join(".");
}

/** The app's inner network, or the one with a way out. */
export function networkOf(device: DeviceNetworks, slot: number, kind: "inner" | "outer"): NetworkSpec {
  const first = device.base + (slot * 2 + (kind === "inner" ? 0 : 1)) * networkSize;
  const bridge = `${bridgePrefix(device)}${slot.toString(36)}${kind === "inner" ? "i" : "o"}`;
  return {
    name: bridge,
    bridge,
    subnet: `${dotted(first)}/${networkBits}`,
    gateway: dotted(first + 1),
    internal: kind === "inner",
    nameService: kind === "outer",
  };
}

/** Odd, so that it comes by every slot; far, because a network of the home that is in the way spans many. */
const networkStride = 421;

/** Where an app's networks go next when something else has the addresses of `slot`; undefined where every place is taken. */
export function nextNetworkSlot(slot: number, taken: ReadonlySet<number>): number | undefined {
  for (let at = 1; at < slotsMax; at++) {
    const next = (slot + at * networkStride) % slotsMax;
    if (!taken.has(next)) return next;
  }
  return undefined;
}

/** Which of a service's two addresses a generation has. */
export const sideOf = (generation: number): number => generation % 2;

export function addressOf(network: NetworkSpec, service: number, generation: number): string {
  const parts = network.gateway.split(".").map(Number);
  const gateway = parts.reduce((sum, part) => sum * 256 + part, 0);
  return dotted(gateway + 1 + service * 2 + sideOf(generation));
}
