import type { DatabaseSync, StatementSync } from "node:sqlite";
import { toHex } from "@piccolo/bytes";
import type { HeldFragment, HolderIndex } from "@piccolo/storage/ports";

interface HeldRow {
  readonly account: Uint8Array;
  readonly segment_id: Uint8Array;
  readonly fragment_index: number;
  readonly root: Uint8Array;
  readonly size_bytes: number;
  readonly stored_at_ms: number;
}

const noSegment = new Uint8Array(0);
const pageRows = 500;

const fromRow = (row: HeldRow): HeldFragment => ({
  key: { account: row.account, segmentId: row.segment_id, index: row.fragment_index },
  root: row.root,
  sizeBytes: row.size_bytes,
  storedAtMs: row.stored_at_ms,
});

/** The `holder` database. The sums of bytes are kept in memory, since every store asks for them. */
export class SqliteHolderIndex implements HolderIndex {
  readonly #put: StatementSync;
  readonly #get: StatementSync;
  readonly #delete: StatementSync;
  readonly #list: StatementSync;
  readonly #page: StatementSync;
  readonly #usedBytes = new Map<string, number>();
  #totalBytes = 0;
  #fragments = 0;

  constructor(db: DatabaseSync) {
    this.#put = db.prepare("INSERT OR REPLACE INTO held_fragment VALUES (?, ?, ?, ?, ?, ?)");
    this.#get = db.prepare("SELECT * FROM held_fragment WHERE account = ? AND segment_id = ?");
    this.#delete = db.prepare("DELETE FROM held_fragment WHERE account = ? AND segment_id = ?");
    this.#list = db.prepare(
      "SELECT * FROM held_fragment WHERE account = ? AND segment_id > ? ORDER BY segment_id LIMIT ?",
    );
    this.#page = db.prepare(
      "SELECT * FROM held_fragment WHERE (account, segment_id) > (?, ?) ORDER BY account, segment_id LIMIT ?",
    );
    const sums = db
      .prepare("SELECT account, sum(size_bytes) AS bytes, count(*) AS fragments FROM held_fragment GROUP BY account")
      .all() as unknown as { account: Uint8Array; bytes: number; fragments: number }[];
    for (const { account, bytes, fragments } of sums) {
      this.#usedBytes.set(toHex(account), bytes);
      this.#totalBytes += bytes;
      this.#fragments += fragments;
    }
  }

  put(entry: HeldFragment): void {
    const { account, segmentId, index } = entry.key;
    const before = this.get(account, segmentId);
    this.#put.run(account, segmentId, index, entry.root, entry.sizeBytes, entry.storedAtMs);
    this.#count(account, entry.sizeBytes - (before?.sizeBytes ?? 0), before === undefined ? 1 : 0);
  }

  get(account: Uint8Array, segmentId: Uint8Array): HeldFragment | undefined {
    const row = this.#get.get(account, segmentId) as unknown as HeldRow | undefined;
    return row === undefined ? undefined : fromRow(row);
  }

  delete(account: Uint8Array, segmentId: Uint8Array): void {
    const before = this.get(account, segmentId);
    if (before === undefined) return;
    this.#delete.run(account, segmentId);
    this.#count(account, -before.sizeBytes, -1);
  }

  list(account: Uint8Array, afterSegmentId: Uint8Array | undefined, limit: number): readonly HeldFragment[] {
    const rows = this.#list.all(account, afterSegmentId ?? noSegment, limit) as unknown as HeldRow[];
    return rows.map(fromRow);
  }

  /** Reads page by page, so that entries may be changed meanwhile. */
  *all(): Iterable<HeldFragment> {
    let account = noSegment;
    let segmentId = noSegment;
    for (;;) {
      const rows = this.#page.all(account, segmentId, pageRows) as unknown as HeldRow[];
      for (const row of rows) yield fromRow(row);
      const last = rows.at(-1);
      if (last === undefined) return;
      account = new Uint8Array(last.account);
      segmentId = new Uint8Array(last.segment_id);
    }
  }

  usedBytes(account?: Uint8Array): number {
    return account === undefined ? this.#totalBytes : (this.#usedBytes.get(toHex(account)) ?? 0);
  }

  /** How many fragments are held, of all owners. */
  get fragments(): number {
    return this.#fragments;
  }

  #count(account: Uint8Array, bytes: number, fragments: number): void {
    this.#usedBytes.set(toHex(account), this.usedBytes(account) + bytes);
    this.#totalBytes += bytes;
    this.#fragments += fragments;
  }
}
