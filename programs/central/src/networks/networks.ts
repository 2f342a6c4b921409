import { toHex } from "@piccolo/bytes";
import { centralFaults } from "@piccolo/central-api";
import { applyEntries, type NetworkState } from "@piccolo/membership";
import type { World } from "@piccolo/world";
import type { Database } from "../db/database.ts";
import type { Limits } from "../limits.ts";
import { decideAppend, decideFounding, decideInvitedRead, requireMember } from "./decide.ts";
import type { NetworkStore } from "./store.ts";
import type { Head, Page } from "./types.ts";

const statesMax = 1_024;

function headOf({ networkId, length, headHash }: NetworkState): Head {
  return { networkId, length, headHash };
}

/** Carries the members' logs: it checks every entry by their rules, and can make none. */
export class Networks {
  readonly #database: Database;
  readonly #store: NetworkStore;
  readonly #world: World;
  readonly #limits: Limits;
  /** Newest known states, least recently used first. The log on disk decides; these only spare its replay. */
  readonly #states = new Map<string, NetworkState>();

  constructor(database: Database, store: NetworkStore, world: World, limits: Limits) {
    this.#database = database;
    this.#store = store;
    this.#world = world;
    this.#limits = limits;
  }

  /** The newest state; undefined for an unknown network. */
  #state(networkId: Uint8Array): NetworkState | undefined {
    const key = toHex(networkId);
    const before = this.#states.get(key);
    const length = this.#store.length(networkId);
    const known = before?.length ?? 0;
    // Another process may have appended to the same file.
    const more = this.#store.entries(networkId, known, length - known);
    const state = more.length === 0 ? before : applyEntries(before, more);
    if (state !== undefined) this.#remember(state);
    return state;
  }

  #remember(state: NetworkState): void {
    const key = toHex(state.networkId);
    this.#states.delete(key);
    this.#states.set(key, state);
    const [oldest] = this.#states.keys();
    if (this.#states.size > statesMax && oldest !== undefined) this.#states.delete(oldest);
  }

  /** Throws `not-a-member`. */
  stateFor(account: Uint8Array, networkId: Uint8Array): NetworkState {
    return requireMember(this.#state(networkId), account);
  }

  /** Where the account is a member. */
  ofAccount(account: Uint8Array): readonly Head[] {
    return this.#store.headsOf(account);
  }

  /** Throws `quota-reached` and what `decideFounding` says against it. */
  found(account: Uint8Array, entry: Uint8Array): Head {
    const state = decideFounding(account, entry, this.#world.nowMs());
    return this.#database.transaction(() => {
      const known = this.#state(state.networkId);
      if (known !== undefined) return headOf(known);
      if (this.#store.countFoundedBy(account) >= this.#limits.networksPerAccount) {
        throw centralFaults.fault(
          "quota-reached",
          `an account can found ${this.#limits.networksPerAccount} networks at central`,
        );
      }
      this.#checkTotal(state.networkId, entry);
      this.#store.insertNetwork(state);
      this.#store.append(state, entry);
      return headOf(state);
    });
  }

  /** Throws `quota-reached` and what `decideAppend` says against it. */
  append(account: Uint8Array, networkId: Uint8Array, entry: Uint8Array): Head {
    return this.#database.transaction(() => {
      const { logEntriesMax } = this.#limits;
      const at = { nowMs: this.#world.nowMs(), logEntriesMax };
      const { kind, state } = decideAppend(this.#state(networkId), account, entry, at);
      if (kind === "append") {
        this.#checkTotal(networkId, entry);
        this.#store.append(state, entry);
      }
      return headOf(state);
    });
  }

  /** Whatever single networks may have, the disk is one; but what a network has of it for itself nobody else takes. */
  #checkTotal(networkId: Uint8Array, entry: Uint8Array): void {
    const { logTotalBytes: limit } = this.#limits;
    const growth = this.#store.growthBytes(networkId, entry.length);
    if (growth === 0 || this.#store.totalBytes() + growth <= limit) return;
    throw centralFaults.fault("quota-reached", "central has no room left for anybody: its operator has to make some", {
      details: { what: "total-bytes", limit },
    });
  }

  /** Throws `not-a-member`. */
  read(account: Uint8Array, networkId: Uint8Array, from: number): Page {
    return this.#page(this.stateFor(account, networkId), from);
  }

  /** Throws what `decideInvitedRead` says against it. */
  readInvited(
    account: Uint8Array,
    networkId: Uint8Array,
    shown: { readonly invitation: Uint8Array; readonly proof: Uint8Array },
    from: number,
  ): Page {
    return this.#page(decideInvitedRead(this.#state(networkId), account, shown, this.#world.nowMs()), from);
  }

  #page({ networkId, length }: NetworkState, from: number): Page {
    const found = this.#store.entries(networkId, from, this.#limits.pageEntriesMax);
    const entries: Uint8Array[] = [];
    let bytes = 0;
    for (const entry of found) {
      bytes += entry.length;
      if (entries.length > 0 && bytes > this.#limits.pageBytesMax) break;
      entries.push(entry);
    }
    return { from, length, entries };
  }
}
