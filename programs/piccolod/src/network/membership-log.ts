import { toHex } from "@piccolo/bytes";
import type { CentralClient } from "@piccolo/central-api";
import { applyEntry, checkTimely, decodeEntry, type Member, type NetworkState, replay } from "@piccolo/membership";
import type { NetworkStore } from "./store.ts";

/**
 * The membership log on this device: replayed at start, extended only by entries that pass every rule. Central carries
 * it; what it leaves out or changes is noticed, since each entry is signed and chained.
 */
export class MembershipLog {
  readonly #store: NetworkStore;
  readonly #changed: () => void;
  #state: NetworkState | undefined;
  #devices: { readonly length: number; readonly keys: ReadonlyMap<string, Uint8Array> } = {
    length: 0,
    keys: new Map(),
  };

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

  /** Puts another log, which has passed the rules, in the place of whatever was known: a recovery has found it. */
  replace(entries: readonly Uint8Array[]): void {
    const state = replay(entries);
    this.#store.replaceEntries(entries);
    this.#state = state;
    this.#devices = { length: 0, keys: new Map() };
    this.#changed();
  }

  /** All entries from an index on. */
  entriesFrom(index: number): readonly Uint8Array[] {
    return this.#store.entries().slice(index);
  }

  /** Takes in a fresh entry that a member brings; one that is there already changes nothing. Gives the log's length. */
  append(entry: Uint8Array, nowMs: number): number {
    const { position, hash } = decodeEntry(entry);
    const known = this.#state?.entryHashes[position.sequence];
    const length = this.#state?.length ?? 0;
    if (known !== undefined && toHex(known) === toHex(hash)) return length;
    checkTimely(entry, nowMs);
    this.extend(length, [entry]);
    return length + 1;
  }

  /** The key of the device that an owner has or had in a device epoch. */
  deviceKeyOf(account: Uint8Array, deviceEpoch: number): Uint8Array | undefined {
    const length = this.#state?.length ?? 0;
    if (this.#devices.length !== length) this.#devices = { length, keys: devicesIn(this.#store.entries()) };
    return this.#devices.keys.get(`${toHex(account)}:${deviceEpoch}`);
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

/** Every device of every owner in a log that has passed the rules, by account and device epoch. */
export function devicesIn(entries: readonly Uint8Array[]): ReadonlyMap<string, Uint8Array> {
  const keys = new Map<string, Uint8Array>();
  for (const bytes of entries) {
    const { body } = decodeEntry(bytes);
    const device = "member" in body ? body.member : body.kind === "device" ? body : undefined;
    if (device !== undefined) keys.set(`${toHex(device.account)}:${device.deviceEpoch}`, device.deviceKey);
  }
  return keys;
}
