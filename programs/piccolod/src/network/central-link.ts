import { equalConstantTime } from "@piccolo/bytes";
import { type CentralClient, createCentralClient } from "@piccolo/central-api";
import { type DeviceCertificate, type Ed25519Key, encodeStatement } from "@piccolo/envelope";
import type { World } from "@piccolo/world";
import type { NetworkOwner } from "./types.ts";

/** The owner's account as central knows it; calls are signed by the device, so that they work while it is locked. */
export interface CentralLink {
  readonly client: CentralClient;
  readonly url: string;
  readonly device: DeviceCertificate;
  /** Registers account and device, once per start and owner key. */
  ready(signal: AbortSignal): Promise<void>;
}

export function createCentralLink(parts: {
  readonly url: string;
  readonly fetch: (input: string, init: RequestInit) => Promise<Response>;
  readonly owner: Pick<NetworkOwner, "account" | "ownerPublicKey" | "chain" | "certificate">;
  readonly deviceKey: Ed25519Key;
  readonly world: World;
}): CentralLink {
  const { owner, deviceKey, world, url } = parts;
  const { account } = owner;
  const client = createCentralClient({
    baseUrl: url,
    fetch: parts.fetch,
    account,
    publicKey: deviceKey.publicKey,
    sign: (statement) => deviceKey.sign(encodeStatement(statement)),
    world,
  });
  let registered: Uint8Array | undefined;
  return {
    client,
    url,
    get device() {
      return owner.certificate;
    },
    async ready(signal) {
      const { ownerPublicKey, chain, certificate } = owner;
      if (registered !== undefined && equalConstantTime(registered, ownerPublicKey)) return;
      await client.register({ ownerPublicKey, chain, device: certificate }, { signal });
      registered = ownerPublicKey;
    },
  };
}
