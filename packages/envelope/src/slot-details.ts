import assert from "node:assert/strict";
import { ByteReader, ByteWriter, fromUtf8, malformed, toUtf8 } from "@piccolo/bytes";
import { accountBytes } from "./account.ts";
import { ed25519KeyBytes } from "./ed25519.ts";
import { previousRootsMax, wrappedPreviousRootBytes } from "./root-wraps.ts";
import { networkIdBytes } from "./statement.ts";

export const slotNetworksMax = 8;
export const slotMembersMax = 40;
export const slotAddressesMax = 4;
export const slotTextBytesMax = 192;
/** The largest encoding of a slot's details. */
export const slotDetailsBytesMax = 40_960;

/** Somebody a new device may ask; a hint: the network's log decides who is a member. */
export interface SlotMember {
  readonly account: Uint8Array;
  /** Ed25519, 32 raw bytes: the libp2p key of the member's device when the details were written. */
  readonly deviceKey: Uint8Array;
  readonly name: string;
  /** Addresses last seen (multiaddr text), at most `slotAddressesMax`. */
  readonly addresses: readonly string[];
}

export interface SlotNetwork {
  readonly id: Uint8Array;
  readonly name: string;
  /** Origin of the network's central, empty where there is none. */
  readonly central: string;
  readonly members: readonly SlotMember[];
}

/** What a slot says beside the root secret: where the account's data is, and roots that files may still need. */
export interface SlotDetails {
  readonly networks: readonly SlotNetwork[];
  /** From `wrapPreviousRoot`, at most `previousRootsMax`; empty but during a re-key. */
  readonly previousRoots: readonly Uint8Array[];
}

const format = 1;

function text(value: string): Uint8Array {
  const bytes = toUtf8(value);
  assert.ok(bytes.length <= slotTextBytesMax, "a text of the slot's details is too long");
  return bytes;
}

/** Values over the bounds are bugs of the caller, who passes the details through `fitSlotDetails` first. */
export function encodeSlotDetails({ networks, previousRoots }: SlotDetails): Uint8Array {
  assert.ok(networks.length <= slotNetworksMax && previousRoots.length <= previousRootsMax);
  const writer = new ByteWriter().u8(format).u8(networks.length);
  for (const network of networks) {
    assert.ok(network.members.length <= slotMembersMax);
    writer.fixed(network.id, networkIdBytes).sized(text(network.name)).sized(text(network.central));
    writer.u8(network.members.length);
    for (const { account, deviceKey, name, addresses } of network.members) {
      assert.ok(addresses.length <= slotAddressesMax);
      writer.fixed(account, accountBytes).fixed(deviceKey, ed25519KeyBytes).sized(text(name)).u8(addresses.length);
      for (const address of addresses) writer.sized(text(address));
    }
  }
  writer.u8(previousRoots.length);
  for (const wrapped of previousRoots) writer.fixed(wrapped, wrappedPreviousRootBytes);
  const bytes = writer.finish();
  assert.ok(bytes.length <= slotDetailsBytesMax, "the slot's details are too long");
  return bytes;
}

/** The longest beginning of a text that fits into so many bytes of UTF-8, cut between characters. */
function cut(value: string): string {
  let bytes = 0;
  let kept = "";
  for (const character of value.toWellFormed()) {
    bytes += toUtf8(character).length;
    if (bytes > slotTextBytesMax) break;
    kept += character;
  }
  return kept;
}

function sizeOf({ networks, previousRoots }: SlotDetails): number {
  const textBytes = (value: string): number => 4 + toUtf8(value).length;
  const memberBytes = ({ name, addresses }: SlotMember): number =>
    accountBytes + ed25519KeyBytes + textBytes(name) + 1 + addresses.reduce((sum, next) => sum + textBytes(next), 0);
  return networks.reduce(
    (sum, { name, central, members }) =>
      sum +
      networkIdBytes +
      textBytes(name) +
      textBytes(central) +
      1 +
      members.reduce((inner, member) => inner + memberBytes(member), 0),
    3 + previousRoots.length * wrappedPreviousRootBytes,
  );
}

/**
 * Cuts what a network says to the bounds of a slot: names are shortened, addresses and centrals that are too long left
 * out, and of too many members the last of the largest networks go. Previous roots are never left out.
 */
export function fitSlotDetails({ networks, previousRoots }: SlotDetails): SlotDetails {
  const fits = (value: string): boolean => value.isWellFormed() && toUtf8(value).length <= slotTextBytesMax;
  let fitted: SlotDetails = {
    networks: networks.slice(0, slotNetworksMax).map(({ id, name, central, members }) => ({
      id,
      name: cut(name),
      central: fits(central) ? central : "",
      members: members.slice(0, slotMembersMax).map((member) => ({
        ...member,
        name: cut(member.name),
        addresses: member.addresses.filter(fits).slice(0, slotAddressesMax),
      })),
    })),
    previousRoots,
  };
  while (sizeOf(fitted) > slotDetailsBytesMax) {
    const largest = Math.max(...fitted.networks.map(({ members }) => members.length));
    const at = fitted.networks.findIndex(({ members }) => members.length === largest);
    fitted = {
      previousRoots,
      networks: fitted.networks.map((network, index) =>
        index === at ? { ...network, members: network.members.slice(0, -1) } : network,
      ),
    };
  }
  return fitted;
}

function readMany<T>(reader: ByteReader, max: number, read: () => T): T[] {
  const count = reader.u8();
  if (count > max) throw malformed(`a list of ${count} is over its bound of ${max}`);
  return Array.from({ length: count }, read);
}

/** Throws `malformed`. */
export function decodeSlotDetails(bytes: Uint8Array): SlotDetails {
  if (bytes.length > slotDetailsBytesMax) throw malformed("the slot's details are over their bound");
  const reader = new ByteReader(bytes);
  const readText = (): string => fromUtf8(reader.sized(slotTextBytesMax));
  if (reader.u8() !== format) throw malformed("the slot's details have a format this version does not know");
  const networks = readMany(reader, slotNetworksMax, () => ({
    id: new Uint8Array(reader.fixed(networkIdBytes)),
    name: readText(),
    central: readText(),
    members: readMany(reader, slotMembersMax, () => ({
      account: new Uint8Array(reader.fixed(accountBytes)),
      deviceKey: new Uint8Array(reader.fixed(ed25519KeyBytes)),
      name: readText(),
      addresses: readMany(reader, slotAddressesMax, readText),
    })),
  }));
  const previousRoots = readMany(
    reader,
    previousRootsMax,
    () => new Uint8Array(reader.fixed(wrappedPreviousRootBytes)),
  );
  reader.end();
  return { networks, previousRoots };
}
