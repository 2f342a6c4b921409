import type { DurableFolder } from "../adapters/state-folder.ts";
import { type DecodedRecord, decodeRecord, encodeRecord, type OutsideRecord, outsideFaults } from "./outside-record.ts";

const fileName = "outside";
const copyName = "outside-copy";

export type FoundOutside = DecodedRecord | "absent" | "damaged";

/** What lies outside, unchecked as yet: only the volume key tells whether it is authentic. */
export function findOutside(state: DurableFolder): FoundOutside {
  const content = state.read(fileName);
  if (content === undefined) return "absent";
  try {
    return decodeRecord(content);
  } catch (error) {
    if (outsideFaults.owns(error)) return "damaged";
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
    const outside = authentic(findOutside(state), key);
    const copyBytes = content.read(copyName);
    const copy = copyBytes === undefined ? undefined : authentic(decodeRecord(copyBytes), key);
    const newest = copy !== undefined && (outside === undefined || copy.number > outside.number) ? copy : outside;
    if (newest === undefined) throw outsideFaults.fault("record-damaged", "the record of this volume is not authentic");
    this.#record = newest;
    this.restored = newest !== outside;
    if (outside?.number !== newest.number) state.write(fileName, encodeRecord(newest, key));
    if (copy?.number !== newest.number) content.write(copyName, encodeRecord(newest, key));
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

function authentic(found: FoundOutside, key: Uint8Array): OutsideRecord | undefined {
  return typeof found === "object" && found.isAuthentic(key) ? found.record : undefined;
}
