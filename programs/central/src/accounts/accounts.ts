import type { World } from "@piccolo/world";
import type { Database } from "../db/database.ts";
import { checkRegistration, decideRegistration } from "./decide.ts";
import type { AccountStore } from "./store.ts";
import type { Account } from "./types.ts";

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

  /** Throws what `checkRegistration` and `decideRegistration` say against it. */
  register(claimed: Account): void {
    checkRegistration(claimed);
    this.#database.transaction(() => {
      const known = this.#store.find(claimed.account);
      const keyOwner = this.#store.accountOfDevice(claimed.device.deviceKey);
      if (decideRegistration(known, claimed, keyOwner) === "store") this.#store.put(claimed, this.#world.nowMs());
    });
  }
}
