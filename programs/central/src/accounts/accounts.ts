import type { World } from "@piccolo/world";
import type { Database } from "../db/database.ts";
import { type OwnerChain, verifyRotationChain } from "@piccolo/envelope";
import { centralFaults } from "@piccolo/central-api";
import { decideOwnerKey, decideRegistration } from "./decide.ts";
import type { AccountStore } from "./store.ts";
import type { Account, ClaimedAccount, FormerKey } from "./types.ts";

/** Who may call: accounts, each with its owner key and the one device that speaks for it. */
export class Accounts {
  readonly #database: Database;
  readonly #store: AccountStore;
  readonly #world: World;

  constructor(database: Database, store: AccountStore, world: World) {
    this.#database = database;
    this.#store = store;
    this.#world = world;
  }

  find(account: Uint8Array): Account | undefined {
    return this.#store.find(account);
  }

  /** Throws `unknown-account`. */
  require(account: Uint8Array): Account {
    const known = this.#store.find(account);
    if (known === undefined) throw centralFaults.fault("unknown-account", "central does not know this account");
    return known;
  }

  /** The account's device of a device epoch, current or replaced; undefined where central never saw it. */
  deviceKeyOf(account: Uint8Array, deviceEpoch: number): Uint8Array | undefined {
    const device = this.#store.find(account)?.device;
    if (device?.deviceEpoch === deviceEpoch) return device.deviceKey;
    return this.#store.formerDevice(account, deviceEpoch);
  }

  formerKey(key: Uint8Array): FormerKey | undefined {
    return this.#store.formerKey(key);
  }

  /** What `checkRegistration` checked. Throws what `decideRegistration` says against it. */
  register(claimed: ClaimedAccount): void {
    this.#database.transaction(() => {
      const known = this.#store.find(claimed.account);
      const { deviceKey } = claimed.device;
      const keyOwner = this.#store.accountOfDevice(deviceKey);
      if (decideRegistration(known, claimed, keyOwner, this.#store.formerKey(deviceKey)) === "nothing") return;
      this.#store.put(claimed, known, this.#world.nowMs());
    });
  }

  /** The key epoch after it. Throws `unknown-account`, `broken-rotation`, `owner-key-rotated`. */
  rotateOwnerKey(account: Uint8Array, chain: OwnerChain): Account {
    const newest = verifyRotationChain(account, chain);
    return this.#database.transaction(() => {
      const known = this.require(account);
      const claimed = { ownerPublicKey: newest.ownerPublicKey, keyEpoch: newest.epoch, chain };
      if (decideOwnerKey(known, claimed) === "same") return known;
      const moved = { ...known, ownerPublicKey: newest.ownerPublicKey, keyEpoch: newest.epoch };
      this.#store.put(moved, known, this.#world.nowMs());
      return moved;
    });
  }
}
