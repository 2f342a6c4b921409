/** What a device of a test network knows and is, for tests that speak in its place while its process does not run. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Network } from "@piccolo/devnet";
import {
  decodeSlotList,
  ed25519FromSeed,
  type OpenedRoot,
  openPhraseSlot,
  parsePhrase,
  type SlotList,
  unwrapVolumeKey,
} from "@piccolo/envelope";
import type { PeerTarget } from "@piccolo/storage/ports";
import { realWorld } from "@piccolo/world/real";
import { DurableFolder } from "../../programs/piccolod/src/adapters/state-folder.ts";
import { createCentralLink } from "../../programs/piccolod/src/network/central-link.ts";
import { type Identity as OwnerIdentity, readIdentity } from "../../programs/piccolod/src/security/identity.ts";
import { decodeRecord } from "../../programs/piccolod/src/security/outside-record.ts";

export interface Identity {
  readonly deviceSeed: Uint8Array;
  /** 32 bytes. */
  readonly account: Uint8Array;
}

/** Where a device shows what lies on its volume; of an encrypted one, while it is open. */
export function contentOf(network: Network, number: number): string {
  const { folder } = network.device(number);
  const plain = join(folder, "volume/plain/content");
  return existsSync(plain) ? plain : join(folder, "volume/mount");
}

/** The list of slots outside the device's volume. */
export function slotsOf(network: Network, number: number): SlotList {
  const { slots = new Uint8Array(0) } = decodeRecord(
    readFileSync(join(network.device(number).folder, "outside")),
  ).record;
  return decodeSlotList(slots);
}

/** The root secret, opened by the recovery phrase as whoever has it can; the caller's to erase. */
export function openRootOf(network: Network, number: number, phrase: string): OpenedRoot {
  const { phraseSlot = new Uint8Array(0), account } = slotsOf(network, number);
  return openPhraseSlot(phraseSlot, parsePhrase(phrase), account).opened;
}

/**
 * Secrets of the device and its owner that lie on the open volume or open it, by name: they stand nowhere else but, to
 * whoever has the phrase, sealed.
 */
export function secretsOf(network: Network, number: number, phrase: string): ReadonlyMap<string, Uint8Array> {
  const { volumeSlot = new Uint8Array(0) } = slotsOf(network, number);
  const opened = openRootOf(network, number, phrase);
  const keys = opened.deriveKeys();
  const secrets = new Map<string, Uint8Array>([
    ["root secret", opened.root()],
    ["metadata key", keys.metadataKey()],
    ["volume key", unwrapVolumeKey(keys, volumeSlot)],
    ["device key", identityOf(network, number).deviceSeed],
  ]);
  const db = new DatabaseSync(join(contentOf(network, number), "owner.db"), { readOnly: true });
  const rows = db.prepare("SELECT version_id AS id, wrapped_fek AS wrapped FROM version").all() as {
    id: Uint8Array;
    wrapped: Uint8Array;
  }[];
  const mask = db.prepare("SELECT secret FROM account_secret WHERE name = 'mask-key'").get();
  db.close();
  secrets.set("mask key", mask?.["secret"] as Uint8Array);
  for (const [at, { id, wrapped }] of rows.entries()) secrets.set(`file key ${at}`, keys.unwrapFek(wrapped, id));
  return secrets;
}

function ownerOf(network: Network, number: number): OwnerIdentity {
  const identity = readIdentity(new DurableFolder(contentOf(network, number)));
  if (identity === undefined) throw new Error(`device ${number} has no owner`);
  return identity;
}

export function identityOf(network: Network, number: number): Identity {
  const deviceSeed = new Uint8Array(readFileSync(join(contentOf(network, number), "device-key")));
  return { deviceSeed, account: ownerOf(network, number).account };
}

/** Where central says that the device of the number is, asked as the first device. */
export async function targetOf(network: Network, number: number): Promise<PeerTarget> {
  const link = createCentralLink({
    url: network.centralOrigin,
    fetch: (input, init) => fetch(input, init),
    owner: { ...ownerOf(network, 1), chain: undefined },
    deviceKey: ed25519FromSeed(identityOf(network, 1).deviceSeed),
    world: realWorld,
  });
  const { networkId } = await network.device(1).session.call<{ networkId: string }>("GET", "/network");
  const peers = await link.client.addresses(Buffer.from(networkId, "hex"));
  const { deviceSeed } = identityOf(network, number);
  const { publicKey } = ed25519FromSeed(deviceSeed);
  const peer = peers.find(({ deviceKey }) => Buffer.from(deviceKey).equals(publicKey));
  if (peer === undefined) throw new Error(`central does not know where device ${number} is`);
  return { deviceKey: peer.deviceKey, addresses: peer.multiaddrs };
}
