import assert from "node:assert/strict";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { concat, fromHex, toHex } from "@piccolo/bytes";

const accountBytes = 32;

/** A segment's holders as they are stored: the id of a set of accounts, and where in it index 0 begins. */
export interface StoredHolders {
  readonly setId: number;
  readonly rotation: number;
}

/**
 * Segments of one network share their holders and differ in which of them comes first, so that a segment's holders take
 * two small numbers instead of 32 bytes each. Sets are few and are kept in memory.
 */
export class HolderSets {
  readonly #insert: StatementSync;
  readonly #byAccounts: StatementSync;
  readonly #byId: StatementSync;
  readonly #db: DatabaseSync;
  readonly #known = new Map<number, readonly string[]>();

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#insert = db.prepare("INSERT INTO holder_set (accounts) VALUES (?) ON CONFLICT DO NOTHING");
    this.#byAccounts = db.prepare("SELECT holder_set_id AS id FROM holder_set WHERE accounts = ?");
    this.#byId = db.prepare("SELECT accounts FROM holder_set WHERE holder_set_id = ?");
  }

  /** Finds or adds the set of these accounts (hex). */
  store(holders: readonly string[]): StoredHolders {
    let first = 0;
    for (const [at, account] of holders.entries()) if (account < (holders[first] ?? "")) first = at;
    const accounts = concat(...[...holders.slice(first), ...holders.slice(0, first)].map(fromHex));
    assert.equal(accounts.length, holders.length * accountBytes);
    this.#insert.run(accounts);
    const { id } = this.#byAccounts.get(accounts) as { id: number };
    return { setId: id, rotation: first === 0 ? 0 : holders.length - first };
  }

  /** Accounts (hex) by index. */
  load({ setId, rotation }: StoredHolders): readonly string[] {
    const set = this.#set(setId);
    return [...set.slice(rotation), ...set.slice(0, rotation)];
  }

  /** The table has other sets now. */
  forget(): void {
    this.#known.clear();
  }

  #set(setId: number): readonly string[] {
    const known = this.#known.get(setId);
    if (known !== undefined) return known;
    const { accounts } = this.#byId.get(setId) as unknown as { accounts: Uint8Array };
    const set = Array.from({ length: accounts.length / accountBytes }, (_, at) =>
      toHex(accounts.subarray(at * accountBytes, (at + 1) * accountBytes)),
    );
    // An open transaction may still be undone, and its ids be given to others.
    if (!this.#db.isTransaction) this.#known.set(setId, set);
    return set;
  }
}

/** Indexes as a bitmap for a code of n fragments. */
export function bitmapOf(indexes: readonly number[], n: number): Uint8Array {
  const bitmap = new Uint8Array(Math.ceil(n / 8));
  for (const index of indexes) {
    assert.ok(Number.isInteger(index) && index >= 0 && index < n, "a fragment index outside the code");
    bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (1 << (index & 7));
  }
  return bitmap;
}

/** The indexes in a bitmap, ascending. */
export function indexesOf(bitmap: Uint8Array): number[] {
  const indexes: number[] = [];
  for (const [at, byte] of bitmap.entries()) {
    for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) indexes.push(at * 8 + bit);
  }
  return indexes;
}
