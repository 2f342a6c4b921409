import { BlockList, isIP } from "node:net";
import { remoteOf } from "./rate-limit.ts";

const familyOf = (address: string): "ipv4" | "ipv6" => (isIP(address) === 4 ? "ipv4" : "ipv6");

/**
 * Tells which remote a call is from, by the address of its connection and the header `X-Forwarded-For`. Anybody can
 * write that header: it counts only on a connection from the trusted proxy, and of it only the last address, which is
 * the one that the proxy has added. Else everybody behind a proxy would be one remote, and share one bucket.
 */
export function remoteFinder(
  trustedProxy: string | undefined,
): (address: string | undefined, forwarded: string | undefined) => string {
  const trusted = new BlockList();
  if (trustedProxy !== undefined) trusted.addAddress(trustedProxy, familyOf(trustedProxy));
  return (address, forwarded) => {
    if (address === undefined || isIP(address) === 0 || !trusted.check(address, familyOf(address))) {
      return remoteOf(address);
    }
    const last = forwarded?.split(",").at(-1)?.trim();
    return remoteOf(last === undefined || isIP(last) === 0 ? address : last);
  };
}
