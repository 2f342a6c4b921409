import type { DatabaseSync, StatementSync } from "node:sqlite";
import { toHex } from "@piccolo/bytes";
import {
  diskFaults,
  type KeptSlot,
  type WitnessedEntry,
  type WitnessedLog,
  type WitnessStore,
} from "@piccolo/storage/ports";
import { transact } from "./database.ts";

interface EntryRow {
  readonly sequence: number;
  readonly hash: Uint8Array;
  readonly head: Uint8Array;
  readonly sealed: Uint8Array;
}

interface SlotRow {
  readonly locator: Uint8Array;
  readonly account: Uint8Array;
  readonly slot: Uint8Array;
}

interface Waiting {
  readonly change: () => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const slotOf = ({ locator, account, slot }: SlotRow): KeptSlot => ({ locator, account, bytes: slot });

/**
 * The `witness` database, which syncs every commit to the disk. Changes that come together share one commit, since nine
 * owners that write at once would else wait for nine syncs, one after the other.
 */
export class SqliteWitnessStore implements WitnessStore {
  readonly #db: DatabaseSync;
  readonly #newest: StatementSync;
  readonly #hashAt: StatementSync;
  readonly #page: StatementSync;
  readonly #put: StatementSync;
  readonly #drop: StatementSync;
  readonly #raise: StatementSync;
  readonly #epoch: StatementSync;
  readonly #slot: StatementSync;
  readonly #slots: StatementSync;
  readonly #putSlot: StatementSync;
  readonly #dropSlot: StatementSync;
  readonly #usedBytes = new Map<string, number>();
  #waiting: Waiting[] = [];

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#newest = db.prepare(
      `SELECT min(sequence) AS first, max(sequence) AS last,
         (SELECT head FROM witnessed_entry WHERE account = ?1 ORDER BY sequence DESC LIMIT 1) AS head
       FROM witnessed_entry WHERE account = ?1`,
    );
    this.#hashAt = db.prepare("SELECT hash FROM witnessed_entry WHERE account = ? AND sequence = ?");
    this.#page = db.prepare(
      `SELECT sequence, hash, head, sealed FROM witnessed_entry
       WHERE account = ? AND sequence >= ? ORDER BY sequence LIMIT ?`,
    );
    this.#put = db.prepare("INSERT INTO witnessed_entry VALUES (?, ?, ?, ?, ?, ?)");
    this.#drop = db.prepare(
      "DELETE FROM witnessed_entry WHERE account = ?1 AND (sequence < ?2 OR sequence >= ?3) RETURNING size_bytes",
    );
    this.#raise = db.prepare(
      `INSERT INTO witnessed_log VALUES (?, ?)
       ON CONFLICT (account) DO UPDATE SET device_epoch = max(device_epoch, excluded.device_epoch)`,
    );
    this.#epoch = db.prepare("SELECT device_epoch FROM witnessed_log WHERE account = ?");
    this.#slot = db.prepare("SELECT * FROM kept_slot WHERE locator = ?");
    this.#slots = db.prepare("SELECT * FROM kept_slot WHERE account = ? OR locator = ?");
    this.#putSlot = db.prepare("INSERT OR REPLACE INTO kept_slot (locator, account, slot) VALUES (?, ?, ?)");
    this.#dropSlot = db.prepare("DELETE FROM kept_slot WHERE locator = ?");
    const sums = db
      .prepare("SELECT account, sum(size_bytes) AS bytes FROM witnessed_entry GROUP BY account")
      .all() as unknown as { account: Uint8Array; bytes: number }[];
    for (const { account, bytes } of sums) this.#usedBytes.set(toHex(account), bytes);
  }

  log(account: Uint8Array): WitnessedLog {
    const row = this.#newest.get(account) as unknown as { first: number | null; head: Uint8Array | null };
    const epoch = this.#epoch.get(account) as { device_epoch: number } | undefined;
    return {
      newest: row.head ?? undefined,
      first: row.first ?? 1,
      deviceEpoch: epoch?.device_epoch ?? 0,
      usedBytes: this.#usedBytes.get(toHex(account)) ?? 0,
    };
  }

  hashAt(account: Uint8Array, sequence: number): Uint8Array | undefined {
    return (this.#hashAt.get(account, sequence) as { hash: Uint8Array } | undefined)?.hash;
  }

  entries(account: Uint8Array, from: number, limit: number, limitBytes: number): readonly WitnessedEntry[] {
    const taken: WitnessedEntry[] = [];
    let bytes = 0;
    // Row by row, so that no more than the page is ever read into memory.
    for (const row of this.#page.iterate(account, from, limit) as Iterable<unknown>) {
      const { sequence, hash, head, sealed } = row as EntryRow;
      bytes += sealed.length;
      if (taken.length > 0 && bytes > limitBytes) break;
      taken.push({ sequence, hash, head, sealed });
    }
    return taken;
  }

  append(
    account: Uint8Array,
    { sequence, hash, head, sealed }: WitnessedEntry,
    change: { readonly dropBefore: number; readonly dropFrom: number; readonly deviceEpoch: number },
  ): Promise<void> {
    const sizeBytes = head.length + sealed.length;
    let freedBytes = 0;
    return this.#commit(
      () => {
        const dropFrom = Math.min(change.dropFrom, sequence);
        const dropped = this.#drop.all(account, change.dropBefore, dropFrom) as { size_bytes: number }[];
        freedBytes = dropped.reduce((sum, row) => sum + row.size_bytes, 0);
        this.#put.run(account, sequence, hash, head, sealed, sizeBytes);
        this.#raise.run(account, change.deviceEpoch);
      },
      () => {
        const name = toHex(account);
        this.#usedBytes.set(name, (this.#usedBytes.get(name) ?? 0) + sizeBytes - freedBytes);
      },
    );
  }

  raiseDeviceEpoch(account: Uint8Array, deviceEpoch: number): Promise<void> {
    return this.#commit(() => this.#raise.run(account, deviceEpoch));
  }

  slotsOf(account: Uint8Array, locator: Uint8Array): readonly KeptSlot[] {
    return (this.#slots.all(account, locator) as unknown as SlotRow[]).map(slotOf);
  }

  slot(locator: Uint8Array): KeptSlot | undefined {
    const row = this.#slot.get(locator) as SlotRow | undefined;
    return row === undefined ? undefined : slotOf(row);
  }

  keepSlot(slot: KeptSlot, forget: readonly Uint8Array[]): Promise<void> {
    return this.#commit(() => {
      for (const locator of forget) this.#dropSlot.run(locator);
      this.#putSlot.run(slot.locator, slot.account, slot.bytes);
    });
  }

  /** Resolves once the change is on the disk; `afterwards` runs before anybody hears of it. */
  #commit(change: () => unknown, afterwards: () => void = () => undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const done = (): void => {
      afterwards();
      resolve(undefined);
    };
    this.#waiting.push({ change: () => void change(), resolve: done, reject });
    if (this.#waiting.length === 1) setImmediate(() => this.#commitWaiting());
    return promise;
  }

  #commitWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      transact(this.#db, () => {
        for (const { change } of waiting) change();
      });
    } catch (error) {
      for (const { reject } of waiting) reject(asDiskFault(error));
      return;
    }
    for (const { resolve } of waiting) resolve();
  }
}

/** Whatever else than a full disk, which `transact` names, keeps the database from being written. */
function asDiskFault(cause: unknown): Error {
  if ((cause as { errcode?: number }).errcode === undefined) {
    return cause instanceof Error ? cause : new Error("a change failed", { cause });
  }
  return diskFaults.fault("disk-error", "the witness database could not be written; look at the disk", { cause });
}
