import type { DatabaseSync, StatementSync } from "node:sqlite";
import { toHex } from "@piccolo/bytes";
import { countedFragmentBytes, type HeldFragment, type HolderIndex } from "@piccolo/storage/ports";

interface HeldRow {
  readonly account: Uint8Array;
  readonly segment_id: Uint8Array;
  readonly fragment_index: number;
  readonly root: Uint8Array;
  readonly size_bytes: number;
  readonly stored_at_ms: number;
}

interface Sums {
  readonly usedBytes: number;
  readonly countedBytes: number;
}

const nothing: Sums = { usedBytes: 0, countedBytes: 0 };
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
  readonly #sums = new Map<string, Sums>();
  #total: Sums = { usedBytes: 0, countedBytes: 0 };
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
    // Read once: whatever counts is in one place, `countedFragmentBytes`.
    const sizes = db
      .prepare("SELECT account, size_bytes, count(*) AS fragments FROM held_fragment GROUP BY account, size_bytes")
      .iterate() as unknown as Iterable<{ account: Uint8Array; size_bytes: number; fragments: number }>;
    for (const { account, size_bytes: sizeBytes, fragments } of sizes) this.#count(account, sizeBytes, fragments);
  }

  put(entry: HeldFragment): void {
    const { account, segmentId, index } = entry.key;
    const before = this.get(account, segmentId);
    this.#put.run(account, segmentId, index, entry.root, entry.sizeBytes, entry.storedAtMs);
    if (before !== undefined) this.#count(account, before.sizeBytes, -1);
    this.#count(account, entry.sizeBytes, 1);
  }

  get(account: Uint8Array, segmentId: Uint8Array): HeldFragment | undefined {
    const row = this.#get.get(account, segmentId) as unknown as HeldRow | undefined;
    return row === undefined ? undefined : fromRow(row);
  }

  delete(account: Uint8Array, segmentId: Uint8Array): void {
    const before = this.get(account, segmentId);
    if (before === undefined) return;
    this.#delete.run(account, segmentId);
    this.#count(account, before.sizeBytes, -1);
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
    return this.#sumsOf(account).usedBytes;
  }

  countedBytes(account?: Uint8Array): number {
    return this.#sumsOf(account).countedBytes;
  }

  #sumsOf(account: Uint8Array | undefined): Sums {
    return (account === undefined ? this.#total : this.#sums.get(toHex(account))) ?? nothing;
  }

  /** How many fragments are held, of all owners. */
  get fragments(): number {
    return this.#fragments;
  }

  /** So many fragments of this size more, or fewer. */
  #count(account: Uint8Array, sizeBytes: number, fragments: number): void {
    const more = ({ usedBytes, countedBytes }: Sums): Sums => ({
      usedBytes: usedBytes + fragments * sizeBytes,
      countedBytes: countedBytes + fragments * countedFragmentBytes(sizeBytes),
    });
    this.#sums.set(toHex(account), more(this.#sumsOf(account)));
    this.#total = more(this.#total);
    this.#fragments += fragments;
  }
}
