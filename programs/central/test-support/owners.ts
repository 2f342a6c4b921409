/** Owners with their devices, as central's tests need them: keys, a client of central, and the verbs of membership. */
import { type CentralClient, createCentralClient, type HeldInvitation } from "@piccolo/central-api";
import {
  certifyDevice,
  certifyRotation,
  deriveOwnerKeys,
  type DeviceCertificate,
  type Ed25519Key,
  ed25519FromSeed,
  newRootSecret,
  type OwnerKeys,
  type OwnerRotation,
  signStatement,
} from "@piccolo/envelope";
import {
  acceptInvitation,
  cosignInvitation,
  createInvitation,
  createNetwork,
  decodeSignedInvitation,
  encodeSignedInvitation,
  type Invitation,
  type NetworkState,
  replay,
} from "@piccolo/membership";
import type { World } from "@piccolo/world";

export const invitationLifetimeMs = 3_600_000;

export class Owner {
  readonly name: string;
  readonly world: World;
  readonly keys: OwnerKeys;
  readonly deviceSeed: Uint8Array;
  readonly deviceKey: Ed25519Key;
  readonly device: DeviceCertificate;
  /** Calls as the device does: by its own key, the owner's being locked away. */
  readonly client: CentralClient;

  constructor(world: World, origin: string, name: string, keys = deriveOwnerKeys(newRootSecret(world), 1)) {
    this.name = name;
    this.world = world;
    this.keys = keys;
    this.deviceSeed = world.randomBytes(32);
    this.deviceKey = ed25519FromSeed(this.deviceSeed);
    this.device = certifyDevice(this.keys, this.deviceKey.publicKey, 1);
    this.client = this.clientAt(origin);
  }

  get account(): Uint8Array {
    return this.keys.account;
  }

  /** Calls as a device does that has only the owner's keys. */
  ownerClientAt(origin: string, keys = this.keys): CentralClient {
    return createCentralClient({
      baseUrl: origin,
      fetch,
      account: keys.account,
      publicKey: keys.ownerPublicKey,
      sign: (statement) => keys.sign(statement),
      world: this.world,
    });
  }

  /** The owner's keys after a re-key, with the rotation that leads to them. */
  rekeyed(from = this.keys): { readonly keys: OwnerKeys; readonly rotation: OwnerRotation } {
    const keys = deriveOwnerKeys(newRootSecret(this.world), from.epoch + 1, from.account);
    return { keys, rotation: certifyRotation(from, keys) };
  }

  clientAt(origin: string, key: Ed25519Key = this.deviceKey, world = this.world): CentralClient {
    return createCentralClient({
      baseUrl: origin,
      fetch,
      account: this.keys.account,
      publicKey: key.publicKey,
      sign: (statement) => signStatement(key, statement),
      world,
    });
  }

  async register(): Promise<void> {
    await this.client.register({ ownerPublicKey: this.keys.ownerPublicKey, device: this.device });
  }

  firstEntry(): Uint8Array {
    return createNetwork({
      ownerKeys: this.keys,
      device: this.device,
      name: this.name,
      networkName: "Lindenstrasse",
      world: this.world,
    });
  }

  async state(networkId: Uint8Array, invitation?: HeldInvitation): Promise<NetworkState> {
    const given = invitation === undefined ? {} : { invitation };
    return replay(await this.client.readLog(networkId, 0, given), networkId);
  }

  invite(state: NetworkState, lifetimeMs = invitationLifetimeMs): Invitation {
    const expiresAtMs = this.world.nowMs() + lifetimeMs;
    return createInvitation({ state, ownerKeys: this.keys, expiresAtMs, world: this.world });
  }

  cosign(state: NetworkState, signed: Uint8Array): Uint8Array {
    return encodeSignedInvitation(
      cosignInvitation({ state, ownerKeys: this.keys, signed: decodeSignedInvitation(signed) }),
    );
  }

  joining(state: NetworkState, invitation: Invitation): Uint8Array {
    const { keys: ownerKeys, device, name, world } = this;
    return acceptInvitation({ state, invitation, ownerKeys, device, name, world });
  }

  /** Joins as an invited device does: reads the log with the invitation, and appends its own entry. */
  async join(networkId: Uint8Array, invitation: Invitation): Promise<void> {
    const state = await this.state(networkId, held(invitation));
    await this.client.append(networkId, this.joining(state, invitation));
  }
}

export function held(invitation: Invitation): HeldInvitation {
  return { signed: encodeSignedInvitation(invitation.signed), key: invitation.key() };
}

/** A network of registered owners; the first one founds it and invites the others, co-signed where the rules ask for it. */
export async function foundNetwork(owners: readonly Owner[]): Promise<Uint8Array> {
  const [founder, ...others] = owners;
  if (founder === undefined) throw new Error("a network has a founder");
  await founder.register();
  const { networkId } = await founder.client.found(founder.firstEntry());
  for (const [at, owner] of others.entries()) {
    await owner.register();
    const state = await founder.state(networkId);
    let invitation = founder.invite(state);
    const cosigner = others[0];
    if (at >= 3 && cosigner !== undefined) {
      const signed = cosigner.cosign(state, encodeSignedInvitation(invitation.signed));
      invitation = invitation.withSignatures(decodeSignedInvitation(signed));
    }
    await owner.join(networkId, invitation);
  }
  return networkId;
}

/** Resolves with the code of the fault that an action ends in; fails where there is none. */
export async function codeOf(action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
  } catch (error) {
    if (error instanceof Error && "code" in error) return String(error.code);
    throw error;
  }
  return "no fault";
}

/** Resolves once central answers: connections kept open from before its restart end with an error first. */
export async function answers(owner: Owner): Promise<void> {
  while ((await codeOf(() => owner.client.time())) === "central-unreachable");
}
