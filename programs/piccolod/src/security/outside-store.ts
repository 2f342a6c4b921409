import { equalConstantTime } from "@piccolo/bytes";
import { type DurableFolder, stateFaults } from "../adapters/state-folder.ts";
import {
  chooseRecord,
  type FoundOutside,
  decodeRecord,
  encodeRecord,
  type OutsideRecord,
  outsideFaults,
  recordBytesMax,
  recordKey,
} from "./outside-record.ts";

const fileName = "outside";
const copyName = "outside-copy";

/** What lies outside, unchecked as yet: only the volume key tells whether it is authentic. */
export function findOutside(state: DurableFolder): FoundOutside {
  return find(state, fileName);
}

function find(folder: DurableFolder, name: string): FoundOutside {
  try {
    const content = folder.read(name, recordBytesMax);
    return content === undefined ? "absent" : decodeRecord(content);
  } catch (error) {
    if (outsideFaults.owns(error) || stateFaults.owns(error)) return "damaged";
    throw error;
  }
}

/** Whether what the volume kept of a record is of a later change than what lies outside; anything is newer than nothing. */
export function isNewer(kept: Uint8Array, found: FoundOutside): boolean {
  if (typeof found !== "object") return true;
  try {
    const decoded = decodeRecord(kept);
    return typeof decoded === "object" && decoded.record.number > found.record.number;
  } catch (error) {
    if (outsideFaults.owns(error)) return false;
    throw error;
  }
}

/** Puts back what the volume kept of a record that is lost outside; as unchecked as what lies outside. */
export function restoreOutside(state: DurableFolder, kept: Uint8Array): FoundOutside {
  try {
    const decoded = decodeRecord(kept);
    state.write(fileName, kept);
    return decoded;
  } catch (error) {
    if (outsideFaults.owns(error)) return "damaged";
    throw error;
  }
}

/** Before there is a volume that could hold a copy. */
export function writeFirstOutside(state: DurableFolder, record: OutsideRecord, key: Uint8Array): void {
  state.write(fileName, encodeRecord(record, key));
}

/**
 * The record outside the volume and its copy in it. The newer authentic one counts: one outside that was changed, or
 * put back to an older state, is replaced by the copy, so that neither a removed password nor an old phrase returns.
 */
export class OutsideStore {
  readonly #state: DurableFolder;
  readonly #content: DurableFolder;
  readonly #key: Uint8Array;
  readonly #listeners: (() => void)[] = [];
  #record: OutsideRecord;
  /** Whether the record outside had to be replaced. */
  readonly restored: boolean;

  /** `key` is the record's. Throws `record-damaged` where neither is authentic. */
  constructor(state: DurableFolder, content: DurableFolder, key: Uint8Array) {
    this.#state = state;
    this.#content = content;
    this.#key = new Uint8Array(key);
    const { record, isRestored, isCopyCurrent } = chooseRecord(findOutside(state), find(content, copyName), key);
    this.#record = record;
    this.restored = isRestored;
    if (isRestored) state.write(fileName, encodeRecord(record, key));
    if (!isCopyCurrent) content.write(copyName, encodeRecord(record, key));
  }

  /** Whether it lies beside the volume with this key. */
  isOf(volumeKey: Uint8Array): boolean {
    const key = recordKey(volumeKey);
    const isSame = equalConstantTime(key, this.#key);
    key.fill(0);
    return isSame;
  }

  get record(): OutsideRecord {
    return this.#record;
  }

  /** As it lies outside. */
  get content(): Uint8Array {
    return encodeRecord(this.#record, this.#key);
  }

  /** Calls back after each change. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Durable when it returns. The outside comes first: it is what the next start needs. */
  change(change: Partial<Omit<OutsideRecord, "number">>): void {
    const record: OutsideRecord = { ...this.#record, ...change, number: this.#record.number + 1 };
    const content = encodeRecord(record, this.#key);
    this.#state.write(fileName, content);
    this.#record = record;
    this.#content.write(copyName, content);
    for (const listener of this.#listeners) listener();
  }
}
