/** What a device of a test network knows and is, for tests that speak in its place while its process does not run. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Network } from "@piccolo/devnet";
import { deriveOwnerKeys, ed25519FromSeed } from "@piccolo/envelope";
import type { PeerTarget } from "@piccolo/storage/ports";
import { realWorld } from "@piccolo/world/real";
import { createCentralLink } from "../../programs/piccolod/src/network/central-link.ts";

export interface Identity {
  readonly deviceSeed: Uint8Array;
  /** 32 bytes. */
  readonly account: Uint8Array;
}

interface OwnerFile {
  readonly rootSecret: string;
  readonly epoch: number;
}

function ownerKeysOf(network: Network, number: number): ReturnType<typeof deriveOwnerKeys> {
  const file = JSON.parse(readFileSync(join(network.device(number).folder, "owner.json"), "utf8")) as OwnerFile;
  return deriveOwnerKeys(Buffer.from(file.rootSecret, "hex"), file.epoch);
}

export function identityOf(network: Network, number: number): Identity {
  const deviceSeed = new Uint8Array(readFileSync(join(network.device(number).folder, "device-key")));
  return { deviceSeed, account: ownerKeysOf(network, number).account };
}

/** Where central says that the device of the number is, asked as the first device. */
export async function targetOf(network: Network, number: number): Promise<PeerTarget> {
  const link = createCentralLink({
    url: network.centralOrigin,
    fetch: (input, init) => fetch(input, init),
    ownerKeys: ownerKeysOf(network, 1),
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
