import { toHex } from "@piccolo/bytes";
import type { CentralClient } from "@piccolo/central-api";
import { applyEntry, type Member, type NetworkState, replay } from "@piccolo/membership";
import type { NetworkStore } from "./store.ts";

/**
 * The membership log on this device: replayed at start, extended only by entries that pass every rule. Central carries
 * it; what it leaves out or changes is noticed, since each entry is signed and chained.
 */
export class MembershipLog {
  readonly #store: NetworkStore;
  readonly #changed: () => void;
  #state: NetworkState | undefined;

  constructor(store: NetworkStore, changed: () => void) {
    this.#store = store;
    this.#changed = changed;
    const entries = store.entries();
    this.#state = entries.length === 0 ? undefined : replay(entries);
  }

  get state(): NetworkState | undefined {
    return this.#state;
  }

  member(account: Uint8Array): Member | undefined {
    return this.#state?.memberByAccount(account);
  }

  /** Takes in entries from `from` on; those known already are skipped. Throws what membership says against them. */
  extend(from: number, entries: readonly Uint8Array[]): void {
    const known = this.#state?.length ?? 0;
    const fresh = entries.slice(Math.max(0, known - from));
    if (fresh.length === 0) return;
    let state = this.#state;
    for (const entry of fresh) state = applyEntry(state, entry);
    this.#store.appendEntries(known, fresh);
    this.#state = state;
    this.#changed();
  }

  /** Reads what central has more than this device. */
  async sync(central: CentralClient, signal: AbortSignal): Promise<void> {
    const state = this.#state;
    if (state === undefined) return;
    const from = state.length;
    this.extend(from, await central.readLog(state.networkId, from, { signal }));
  }

  /** Accounts of all members but the given one, as hex. */
  others(own: Uint8Array): readonly Member[] {
    const name = toHex(own);
    return Array.from(this.#state?.members.values() ?? []).filter(({ account }) => toHex(account) !== name);
  }
}
