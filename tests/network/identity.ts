/** What a device of a test network knows and is, for tests that speak in its place while its process does not run. */
import { argon2Sync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Network } from "@piccolo/devnet";
import { decodeSlotList, ed25519FromSeed, type OpenedRoot } from "@piccolo/envelope";
import type { PeerTarget } from "@piccolo/storage/ports";
import { realWorld } from "@piccolo/world/real";
import { DurableFolder } from "../../programs/piccolod/src/adapters/state-folder.ts";
import { MemoryChip } from "../../programs/piccolod/src/adapters/tpm/memory-chip.ts";
import { createCentralLink } from "../../programs/piccolod/src/network/central-link.ts";
import { type Identity as OwnerIdentity, readIdentity } from "../../programs/piccolod/src/security/identity.ts";
import { openRootByPassword } from "../../programs/piccolod/src/security/keyring.ts";
import { decodeRecord } from "../../programs/piccolod/src/security/outside-record.ts";

export interface Identity {
  readonly deviceSeed: Uint8Array;
  /** 32 bytes. */
  readonly account: Uint8Array;
}

/** Where a device of an unprotected network keeps what lies on its volume. */
export function contentOf(network: Network, number: number): string {
  return join(network.device(number).folder, "volume/plain/content");
}

function ownerOf(network: Network, number: number): OwnerIdentity {
  const identity = readIdentity(new DurableFolder(contentOf(network, number)));
  if (identity === undefined) throw new Error(`device ${number} has no owner`);
  return identity;
}

/** The root secret, opened as the device itself does with its owner's password; the caller's to erase. */
export async function openRootOf(network: Network, number: number, password: string): Promise<OpenedRoot> {
  const { folder } = network.device(number);
  const { sealedPepper, slots = new Uint8Array(0) } = decodeRecord(readFileSync(join(folder, "outside"))).record;
  const seed = new Uint8Array(readFileSync(join(folder, "insecure-chip-seed")));
  const parts = {
    chip: new MemoryChip({ world: realWorld, seed }),
    floor: { memoryKiB: 8, passes: 1, parallelism: 1 },
    sealedPepper,
    argon2: async ({
      password: message,
      salt: nonce,
      memoryKiB: memory,
      outputBytes: tagLength,
      ...rest
    }: Argon2Input) => new Uint8Array(argon2Sync("argon2id", { message, nonce, memory, tagLength, ...rest })),
  };
  return openRootByPassword(parts, decodeSlotList(slots), password);
}

type Argon2Input = Parameters<Parameters<typeof openRootByPassword>[0]["argon2"]>[0];

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
