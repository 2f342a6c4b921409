import { createHash } from "node:crypto";
import { centralFaults } from "@piccolo/central-api";
import type { Draft, DraftKind, NetworkState } from "@piccolo/membership";
import type { World } from "@piccolo/world";
import type { Database } from "../db/database.ts";
import type { Limits } from "../limits.ts";
import type { Networks } from "../networks/networks.ts";
import { decideProposal, review, withSignatures } from "./decide.ts";
import type { ProposalStore } from "./store.ts";
import type { Proposal, StoredProposal } from "./types.ts";

const reviewsMax = 256;

/** Where members leave what needs another member's signature. What no longer holds is swept out whenever it is met. */
export class Proposals {
  readonly #database: Database;
  readonly #store: ProposalStore;
  readonly #networks: Networks;
  readonly #world: World;
  readonly #limits: Limits;
  /** Reviews cost signature checks, and members ask often: one per state and draft is enough. */
  readonly #reviews = new WeakMap<NetworkState, Map<string, Draft>>();

  constructor(database: Database, store: ProposalStore, networks: Networks, world: World, limits: Limits) {
    this.#database = database;
    this.#store = store;
    this.#networks = networks;
    this.#world = world;
    this.#limits = limits;
  }

  #review(state: NetworkState, stored: StoredProposal, nowMs: number): Proposal | undefined {
    if (stored.expiresAtMs <= nowMs) return undefined;
    const reviews = this.#reviews.get(state) ?? new Map<string, Draft>();
    this.#reviews.set(state, reviews);
    const key = createHash("sha256").update(stored.kind).update(stored.bytes).digest("hex");
    const draft = reviews.get(key) ?? review(state, stored, nowMs);
    if (draft === undefined) return undefined;
    if (reviews.size >= reviewsMax) reviews.clear();
    reviews.set(key, draft);
    return withSignatures(stored, draft);
  }

  #standing(state: NetworkState): readonly Proposal[] {
    const nowMs = this.#world.nowMs();
    return this.#store.list(state.networkId).flatMap((stored) => {
      const proposal = this.#review(state, stored, nowMs);
      if (proposal !== undefined) return [proposal];
      this.#store.delete(state.networkId, stored.id);
      return [];
    });
  }

  /** Throws `not-a-member`. */
  list(account: Uint8Array, networkId: Uint8Array): readonly Proposal[] {
    const state = this.#networks.stateFor(account, networkId);
    return this.#database.transaction(() => this.#standing(state));
  }

  /** Throws `not-a-member` and what `decideProposal` says against it. */
  propose(account: Uint8Array, networkId: Uint8Array, kind: DraftKind, bytes: Uint8Array): Proposal {
    return this.#database.transaction(() => {
      const state = this.#networks.stateFor(account, networkId);
      const at = { ...this.#limits, nowMs: this.#world.nowMs() };
      const proposal = decideProposal(state, this.#standing(state), { account, kind, bytes }, at);
      this.#store.put(networkId, proposal);
      return proposal;
    });
  }

  /** Throws `not-a-member` and `unknown-proposal`. */
  withdraw(account: Uint8Array, networkId: Uint8Array, id: Uint8Array): void {
    this.#database.transaction(() => {
      const state = this.#networks.stateFor(account, networkId);
      const own = this.#standing(state).some(
        (proposal) => Buffer.compare(proposal.id, id) === 0 && Buffer.compare(proposal.proposedBy, account) === 0,
      );
      if (!own) throw centralFaults.fault("unknown-proposal", "this account has no such proposal");
      this.#store.delete(networkId, id);
    });
  }
}
