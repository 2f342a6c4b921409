import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { World } from "@piccolo/world";
import { Accounts } from "./accounts/accounts.ts";
import { AccountStore } from "./accounts/store.ts";
import type { Log } from "./adapters/log.ts";
import { Addresses } from "./addresses/addresses.ts";
import { AddressStore } from "./addresses/store.ts";
import type { CentralConfig } from "./config.ts";
import { Database } from "./db/database.ts";
import { centralMigrations, nonceMigrations } from "./db/migrations.ts";
import { createApp } from "./http/app.ts";
import { Nonces } from "./http/nonces.ts";
import { RateLimiter } from "./http/rate-limit.ts";
import { listen } from "./http/server.ts";
import { type Limits, productionLimits } from "./limits.ts";
import { Networks } from "./networks/networks.ts";
import { NetworkStore } from "./networks/store.ts";
import { Proposals } from "./proposals/proposals.ts";
import { ProposalStore } from "./proposals/store.ts";
import { RelayFolder } from "./relay/folder.ts";
import { type RelayGate, startRelay } from "./relay/relay.ts";
import { Challenges } from "./slots/challenges.ts";
import { Slots } from "./slots/slots.ts";
import { SlotStore } from "./slots/store.ts";
import { BodyFiles } from "./vault/body-files.ts";
import { VaultStore } from "./vault/store.ts";
import { Vault } from "./vault/vault.ts";

export interface Central {
  /** Undefined where the role is `relay`. */
  readonly origin: string | undefined;
  /** Addresses of all relays of this state folder. */
  readonly relay: readonly string[];
  close(): Promise<void>;
}

/**
 * Central with everything it needs, listening. The roles `api` and `relay` are two processes over one state folder: the
 * relay reads who is registered, and writes where it listens, in the same database.
 */
export async function openCentral(
  config: CentralConfig,
  p: { readonly world: World; readonly log: Log; readonly limits?: Limits },
): Promise<Central> {
  const { world, log, limits = productionLimits } = p;
  mkdirSync(config.stateFolder, { recursive: true, mode: 0o700 });
  const closers: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const database = new Database(join(config.stateFolder, "central.db"), centralMigrations);
    closers.push(() => database.close());
    const accountStore = new AccountStore(database);
    const networkStore = new NetworkStore(database, limits.logShareBytes);
    const addressStore = new AddressStore(database);

    if (config.role !== "api") {
      const gate: RelayGate = {
        isRegistered: (deviceKey) => accountStore.accountOfDevice(deviceKey) !== undefined,
        share: (deviceKey, other) => networkStore.share(deviceKey, other),
      };
      const folder = new RelayFolder(join(config.stateFolder, "relay"), world);
      const relay = await startRelay({ folder, listen: config.relayListen, gate, world, log });
      closers.push(() => relay.stop());
      addressStore.putRelay(relay.peerId, relay.multiaddrs);
    }

    let origin: string | undefined;
    if (config.role !== "relay") {
      const nonceDatabase = new Database(join(config.stateFolder, "nonces.db"), nonceMigrations, "process");
      closers.push(() => nonceDatabase.close());
      const networks = new Networks(database, networkStore, world, limits);
      const accounts = new Accounts(database, accountStore, world);
      const files = new BodyFiles(join(config.stateFolder, "vault"), world);
      const perLocator = new RateLimiter(limits.recoveriesPerLocator, world);
      const api = createApp({
        accounts,
        vault: new Vault({ database, store: new VaultStore(database), files, accounts, limits }),
        slots: new Slots(database, new SlotStore(database), new Challenges(world), perLocator),
        networks,
        proposals: new Proposals(database, new ProposalStore(database), networks, world, limits),
        addresses: new Addresses(addressStore, networks, world),
        nonces: new Nonces(nonceDatabase),
        limits,
        trustedProxy: config.trustedProxy,
        world,
        log,
      });
      const server = await listen(api, config.host, config.port);
      closers.push(() => server.close());
      ({ origin } = server);
    }
    return { origin, relay: addressStore.relays(), close };
  } catch (error) {
    await close();
    throw error;
  }
}
