import type { World } from "@piccolo/world";
import type { Caller } from "../accounts/types.ts";
import type { Networks } from "../networks/networks.ts";
import { checkMultiaddrs } from "./decide.ts";
import type { AddressStore } from "./store.ts";
import type { PeerAddresses } from "./types.ts";

/** Where members' devices and the relays listen. */
export class Addresses {
  readonly #store: AddressStore;
  readonly #networks: Networks;
  readonly #world: World;

  constructor(store: AddressStore, networks: Networks, world: World) {
    this.#store = store;
    this.#networks = networks;
    this.#world = world;
  }

  /** Returns the time until which it counts. Throws `malformed`. */
  announce({ account, deviceKey }: Caller, multiaddrs: readonly string[], lifetimeMs: number): number {
    checkMultiaddrs(multiaddrs);
    const updatedAtMs = this.#world.nowMs();
    const expiresAtMs = updatedAtMs + lifetimeMs;
    this.#store.put({ account, deviceKey, multiaddrs, updatedAtMs, expiresAtMs });
    return expiresAtMs;
  }

  /** Throws `not-a-member`. */
  ofMembers(account: Uint8Array, networkId: Uint8Array): readonly PeerAddresses[] {
    this.#networks.stateFor(account, networkId);
    return this.#store.ofMembers(networkId, this.#world.nowMs());
  }

  relays(): readonly string[] {
    return this.#store.relays();
  }
}
