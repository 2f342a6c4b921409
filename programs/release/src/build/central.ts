/** The central that devices of a release speak to: part of the signed image, since nobody types it into a device. */
import { BlockList, isIP } from "node:net";
import { UsageError } from "../config.ts";

/** Of a release without one: a name that never exists (RFC 6761). Its devices work, and find no network by themselves. */
export const noCentral = "https://central.invalid";

const own = new BlockList();
for (const [network, length] of [
  ["10.0.0.0", 8],
  ["127.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
] as const) {
  own.addSubnet(network, length);
}

/** Settings of piccolod (JSON) with the central their device speaks to; undefined = none. */
export function settingsWith(central: string | undefined, settings: string): string {
  const others = JSON.parse(settings) as Readonly<Record<string, unknown>>;
  return `${JSON.stringify({ ...others, central: central ?? noCentral }, null, 2)}\n`;
}

/**
 * The origin of `text`. By HTTPS, whose certificate a device checks against the authorities its runtime carries; without it
 * only at an address of a local network, for laboratories. Throws `UsageError`.
 */
export function parseCentral(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:\/\/[^\s/?#@]+\/?$/.test(text)) {
    throw new UsageError("--central takes an origin such as https://central.example.org");
  }
  const isLocal = isIP(url.hostname) === 4 && own.check(url.hostname);
  if (url.protocol !== "https:" && !isLocal) {
    throw new UsageError("--central takes https, or http at an IPv4 address of a local network");
  }
  return url.origin;
}
