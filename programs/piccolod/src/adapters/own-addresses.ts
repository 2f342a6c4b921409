import { BlockList, isIPv4 } from "node:net";
import { networkInterfaces } from "node:os";
import { isAppBridge } from "../apps/addresses.ts";
import { isLocalAddress } from "./tls/certificates.ts";

const addressesMax = 32;

export interface OwnInterface {
  readonly address: string;
  /** Address and length of the network, such as `192.168.1.20/24`. */
  readonly cidr: string | null;
  readonly internal: boolean;
}

function interfacesNow(): readonly OwnInterface[] {
  return Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .map(({ address, cidr, internal }) => ({ address: address.replace(/%.*$/, ""), cidr, internal }))
    .filter(({ address }) => isLocalAddress(address));
}

/** By name, with what counts of each of its addresses. */
type Interfaces = Readonly<Record<string, readonly Pick<OwnInterface, "address" | "internal">[] | undefined>>;

/** Whether an interface that leads out of the device has an address beyond the one that it gives itself. */
export function hasWayOut(interfaces: Interfaces = networkInterfaces()): boolean {
  return Object.entries(interfaces)
    .filter(([name]) => !isAppBridge(name))
    .flatMap(([, addresses]) => addresses ?? [])
    .some(({ address, internal }) => !internal && !address.startsWith("fe80:") && !address.startsWith("169.254."));
}

/** Addresses of local networks browsers may reach the device at. */
export function ownAddresses(): readonly string[] {
  return interfacesNow()
    .map(({ address }) => address)
    .sort()
    .slice(0, addressesMax);
}

/**
 * The addresses a machine at `from` reaches the device at: those of its own network, so that none of another one, or of
 * the apps' networks inside the device, is told; all that lead out of the machine where none is.
 */
export function addressesSeenFrom(from: string, interfaces = interfacesNow()): readonly string[] {
  const outside = interfaces.filter(({ address, internal }) => !internal && !address.startsWith("fe80:"));
  const near = outside.filter(({ cidr }) => {
    const [network = "", length = ""] = (cidr ?? "").split("/");
    if (!isIPv4(network) || !isIPv4(from)) return false;
    const block = new BlockList();
    block.addSubnet(network, Number(length));
    return block.check(from);
  });
  return (near.length > 0 ? near : outside).map(({ address }) => address).slice(0, addressesMax);
}
