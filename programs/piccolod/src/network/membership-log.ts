import { equalConstantTime, toHex } from "@piccolo/bytes";
import {
  applyEntries,
  checkTimely,
  decodeEntry,
  entriesUntil,
  entryToleranceMs,
  type Member,
  type NetworkState,
  replay,
} from "@piccolo/membership";
import type { NetworkStore } from "./store.ts";

/**
 * The membership log on this device: replayed at start, extended only by entries that pass every rule. Central carries
 * it; what it leaves out or changes is noticed, since each entry is signed and chained.
 */
export class MembershipLog {
  readonly #store: NetworkStore;
  readonly #changed: () => void;
  readonly #latestNowMs: () => number;
  #state: NetworkState | undefined;
  #devices: DeviceTable & { readonly length: number } = { length: 0, keys: new Map(), newestMs: new Map() };

  /** `latestNowMs`: the latest it can be, by the clocks that are believed. */
  constructor(store: NetworkStore, changed: () => void, latestNowMs: () => number) {
    this.#store = store;
    this.#changed = changed;
    this.#latestNowMs = latestNowMs;
    const entries = store.entries();
    this.#state = entries.length === 0 ? undefined : replay(entries);
  }

  get state(): NetworkState | undefined {
    return this.#state;
  }

  member(account: Uint8Array): Member | undefined {
    return this.#state?.memberByAccount(account);
  }

  /**
   * Takes in what others have from `from` on, up to the first entry that is ahead of the time: whoever took that one could
   * not bring another entry to anybody. It may be read again later. Gives how many of the entries are in the log now.
   * Throws what membership says against them.
   */
  read(from: number, entries: readonly Uint8Array[]): number {
    const known = this.#state?.length ?? 0;
    const fresh = entriesUntil(this.#latestNowMs() + entryToleranceMs, entries.slice(Math.max(0, known - from)));
    this.extend(Math.max(from, known), fresh);
    return Math.min(entries.length, Math.max(0, known - from) + fresh.length);
  }

  /** Takes in entries from `from` on; those known already are skipped. Throws what membership says against them. */
  extend(from: number, entries: readonly Uint8Array[]): void {
    const known = this.#state?.length ?? 0;
    const fresh = entries.slice(Math.max(0, known - from));
    if (fresh.length === 0) return;
    const state = applyEntries(this.#state, fresh);
    this.#store.appendEntries(known, fresh);
    this.#state = state;
    this.#changed();
  }

  /** Puts another log, or none, in the place of whatever was known. Throws what membership says against it. */
  replace(entries: readonly Uint8Array[]): void {
    const state = entries.length === 0 ? undefined : replay(entries);
    this.#store.replaceEntries(entries);
    this.#state = state;
    this.#devices = { length: 0, keys: new Map(), newestMs: new Map() };
    this.#changed();
  }

  /** All entries from an index on. */
  entriesFrom(index: number): readonly Uint8Array[] {
    return this.#store.entries(index);
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
    return this.#deviceTable().keys.get(`${toHex(account)}:${deviceEpoch}`);
  }

  #deviceTable(): DeviceTable {
    const length = this.#state?.length ?? 0;
    if (this.#devices.length !== length) this.#devices = { length, ...devicesIn(this.#store.entries()) };
    return this.#devices;
  }

  /** When the member's place went to a device with another key than this one; undefined where it has not. */
  replacedAtMs(account: Uint8Array, deviceKey: Uint8Array): number | undefined {
    const device = this.member(account)?.deviceKey;
    if (device === undefined || equalConstantTime(device, deviceKey)) return undefined;
    return this.#deviceTable().newestMs.get(toHex(account)) ?? 0;
  }

  /** Accounts of all members but the given one, as hex. */
  others(own: Uint8Array): readonly Member[] {
    const name = toHex(own);
    return Array.from(this.#state?.members.values() ?? []).filter(({ account }) => toHex(account) !== name);
  }
}

interface DeviceTable {
  /** By account and device epoch. */
  readonly keys: ReadonlyMap<string, Uint8Array>;
  /** When the newest device of an account (hex) came. */
  readonly newestMs: ReadonlyMap<string, number>;
}

/** Every device of every owner in a log that has passed the rules, by account and device epoch. */
export function devicesIn(entries: readonly Uint8Array[]): DeviceTable {
  const keys = new Map<string, Uint8Array>();
  const newestMs = new Map<string, number>();
  for (const bytes of entries) {
    const { body, position } = decodeEntry(bytes);
    const device = "member" in body ? body.member : body.kind === "device" ? body : undefined;
    if (device === undefined) continue;
    keys.set(`${toHex(device.account)}:${device.deviceEpoch}`, device.deviceKey);
    newestMs.set(toHex(device.account), position.timeMs);
  }
  return { keys, newestMs };
}
