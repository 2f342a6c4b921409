/**
 * What this device keeps as a witness of other members' metadata logs, and their sealed slots (the `witness` database).
 * Nothing here can be rebuilt from elsewhere, so every change is durable when its promise resolves. Reads see every
 * change that has resolved; changes of one account are made one after the other by whoever calls.
 */
export interface WitnessStore {
  log(account: Uint8Array): WitnessedLog;
  /** Hash of a kept entry. */
  hashAt(account: Uint8Array, sequence: number): Uint8Array | undefined;
  /** In order from a sequence on: at most `limit` entries, payloads of at most `limitBytes`, but at least one. */
  entries(account: Uint8Array, from: number, limit: number, limitBytes: number): readonly WitnessedEntry[];
  /**
   * Keeps an entry. In the same change entries below `dropBefore` and from `dropFrom` on go, and the device epoch is
   * raised to at least the given one. Throws `disk-full` or `disk-error`; all is as before then.
   */
  append(
    account: Uint8Array,
    entry: WitnessedEntry,
    change: { readonly dropBefore: number; readonly dropFrom: number; readonly deviceEpoch: number },
  ): Promise<void>;
  /** Never lowers it. */
  raiseDeviceEpoch(account: Uint8Array, deviceEpoch: number): Promise<void>;
  /** All slots of an account, and the one under the locator, whosever it is. */
  slotsOf(account: Uint8Array, locator: Uint8Array): readonly KeptSlot[];
  slot(locator: Uint8Array): KeptSlot | undefined;
  /** Keeps a slot and forgets others, in one change. */
  keepSlot(slot: KeptSlot, forget: readonly Uint8Array[]): Promise<void>;
}

export interface WitnessedLog {
  /** Encoded head of the newest entry; undefined = no entry. */
  readonly newest: Uint8Array | undefined;
  /** Sequence of the oldest entry kept; 1 where there is none. */
  readonly first: number;
  /** Highest device epoch heard of; 0 = none. */
  readonly deviceEpoch: number;
  /** Of heads and sealed payloads. */
  readonly usedBytes: number;
}

export interface WitnessedEntry {
  readonly sequence: number;
  /** 32 bytes. */
  readonly hash: Uint8Array;
  readonly head: Uint8Array;
  readonly sealed: Uint8Array;
}

export interface KeptSlot {
  readonly account: Uint8Array;
  /** 32 bytes. */
  readonly locator: Uint8Array;
  readonly bytes: Uint8Array;
}
