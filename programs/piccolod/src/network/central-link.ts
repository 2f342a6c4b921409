import { type CentralClient, createCentralClient } from "@piccolo/central-api";
import {
  certifyDevice,
  type DeviceCertificate,
  type Ed25519Key,
  encodeStatement,
  type OwnerKeys,
} from "@piccolo/envelope";
import type { World } from "@piccolo/world";

/** The epoch of a device that never replaced another. */
const firstDeviceEpoch = 1;

/** The owner's account as central knows it; calls are signed by the device, so that they work while it is locked. */
export interface CentralLink {
  readonly client: CentralClient;
  readonly url: string;
  readonly device: DeviceCertificate;
  /** Registers account and device, once per start. */
  ready(signal: AbortSignal): Promise<void>;
}

export function createCentralLink(parts: {
  readonly url: string;
  readonly fetch: (input: string, init: RequestInit) => Promise<Response>;
  readonly ownerKeys: OwnerKeys;
  readonly deviceKey: Ed25519Key;
  readonly world: World;
}): CentralLink {
  const { ownerKeys, deviceKey, world, url } = parts;
  const device = certifyDevice(ownerKeys, deviceKey.publicKey, firstDeviceEpoch);
  const client = createCentralClient({
    baseUrl: url,
    fetch: parts.fetch,
    account: ownerKeys.account,
    publicKey: deviceKey.publicKey,
    sign: (statement) => deviceKey.sign(encodeStatement(statement)),
    world,
  });
  let registered = false;
  return {
    client,
    url,
    device,
    async ready(signal) {
      if (registered) return;
      await client.register({ ownerPublicKey: ownerKeys.ownerPublicKey, device }, { signal });
      registered = true;
    },
  };
}
