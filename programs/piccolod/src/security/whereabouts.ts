/** Where a network is found again by a device that has nothing but the phrase, or phrase and sheet. */
import { createHash } from "node:crypto";
import { fromHex, toHex } from "@piccolo/bytes";
import type { RecoverySheet } from "@piccolo/device-api";
import { fitSlotDetails, type SlotDetails } from "@piccolo/envelope";
import type { HolderView } from "@piccolo/storage/ports";

export interface Whereabouts {
  /** Lower-case hex; empty while the device is in no network. */
  readonly networkId: string;
  readonly networkName: string;
  readonly centralUrl: string;
  readonly members: readonly HolderView[];
}

const sheetMembers = 3;
const sheetAddresses = 4;

/** Those seen last come first: they are the likeliest to be there when they are needed. */
function latestFirst(members: readonly HolderView[]): readonly HolderView[] {
  return members
    .filter(({ addresses }) => addresses.length > 0)
    .toSorted((a, b) => Number(b.online) - Number(a.online) || b.lastSeenMs - a.lastSeenMs);
}

/** What the sealed phrase slot says beside the root secret. */
export function slotNetworks({ networkId, networkName, centralUrl, members }: Whereabouts): SlotDetails["networks"] {
  if (networkId === "") return [];
  const hints = latestFirst(members).map(({ account, deviceKey, name, addresses }) => ({
    account: fromHex(account),
    deviceKey,
    name,
    addresses,
  }));
  const network = { id: fromHex(networkId), name: networkName, central: centralUrl, members: hints };
  return fitSlotDetails({ networks: [network], previousRoots: [] }).networks;
}

/** Nothing on a sheet is a secret; the hash of a device's key tells whether the right one answers. */
export function recoverySheet(
  { networkId, networkName, centralUrl, members }: Whereabouts,
  nowMs: number,
): Omit<RecoverySheet, "ownerName"> {
  const hints = latestFirst(members)
    .slice(0, sheetMembers)
    .map(({ name, addresses, deviceKey }) => ({
      name,
      addresses: addresses.slice(0, sheetAddresses),
      keyHash: toHex(createHash("sha256").update(deviceKey).digest()),
    }));
  const lines = hints.map(({ keyHash, addresses }) => `${keyHash}@${addresses.join(",")}`);
  const text = ["piccolo-sheet-1", networkId === "" ? "-" : networkId, centralUrl, ...lines].join(" ");
  return { networkName, networkId, centralUrl, members: hints, text, madeAtMs: nowMs };
}

/** Whether two descriptions of the networks name other members or devices, or, if asked, other addresses of them. */
export function networksDiffer(
  before: SlotDetails["networks"],
  now: SlotDetails["networks"],
  addressesToo: boolean,
): boolean {
  const named = (networks: SlotDetails["networks"]): string =>
    JSON.stringify(
      networks.map(({ id, name, central, members }) => [
        toHex(id),
        name,
        central,
        members
          .map(({ account, deviceKey, addresses }) => [
            toHex(account),
            toHex(deviceKey),
            ...(addressesToo ? addresses.toSorted() : []),
          ])
          .toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1)),
      ]),
    );
  return named(before) !== named(now);
}
