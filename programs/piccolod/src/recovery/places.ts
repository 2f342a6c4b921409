/** Where a network may be found, as its owner types it: the text of a recovery sheet, or one device's address. */
import { recoveryFaults } from "./types.ts";

export const sheetPrefix = "piccolo-sheet-1";
const mostDevices = 16;
const mostAddresses = 12;
const addressCharactersMax = 256;

/** A device that may be asked. */
export interface PlacedDevice {
  /** SHA-256 of the device's key, lower-case hex; undefined where only the address is known. */
  readonly keyHash: string | undefined;
  readonly addresses: readonly string[];
}

export interface Places {
  /** Lower-case hex; undefined where none is named. */
  readonly networkId: string | undefined;
  /** Origin. */
  readonly centralUrl: string | undefined;
  readonly devices: readonly PlacedDevice[];
}

export const nowhere: Places = { networkId: undefined, centralUrl: undefined, devices: [] };

const address = /^\/(?:ip4|ip6|dns|dns4|dns6)\/[A-Za-z0-9.:-]+\/tcp\/\d{1,5}(?:\/[A-Za-z0-9./:-]*)?$/;
const isAddress = (text: string): boolean => text.length <= addressCharactersMax && address.test(text);

/** Throws `place-refused`. What it names is a hint: nothing found there is believed without proof. */
export function parsePlaces(text: string): Places {
  const words = text.trim().split(/\s+/);
  const [first = ""] = words;
  if (first === sheetPrefix) return parseSheet(words.slice(1));
  if (words.length !== 1 || !isAddress(first)) throw refused();
  return { ...nowhere, devices: [{ keyHash: undefined, addresses: [first] }] };
}

function parseSheet([networkId = "", centralUrl = "", ...lines]: readonly string[]): Places {
  if (networkId !== "-" && !/^[0-9a-f]{64}$/.test(networkId)) throw refused();
  const url = URL.parse(centralUrl);
  if (url === null || !["http:", "https:"].includes(url.protocol) || lines.length > mostDevices) throw refused();
  const devices = lines.map((line) => {
    const [, keyHash = "", list = ""] = /^([0-9a-f]{64})@(\S+)$/.exec(line) ?? [];
    const addresses = list.split(",");
    if (keyHash === "" || addresses.length > mostAddresses || !addresses.every(isAddress)) throw refused();
    return { keyHash, addresses };
  });
  return { networkId: networkId === "-" ? undefined : networkId, centralUrl: url.origin, devices };
}

function refused(): Error {
  return recoveryFaults.fault(
    "place-refused",
    "the place is neither a recovery sheet's text nor an address such as /ip4/192.0.2.7/tcp/8800: copy it again",
  );
}
