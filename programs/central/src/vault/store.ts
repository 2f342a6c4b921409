import type { Database } from "../db/database.ts";

/** An entry's row. Its body is in the row, or in a file where it is large. */
export interface EntryRow {
  readonly sequence: number;
  readonly hash: Uint8Array;
  readonly head: Uint8Array;
  readonly sizeBytes: number;
  readonly body: Uint8Array | undefined;
  readonly file: string | undefined;
}

export interface BlobRow {
  readonly id: Uint8Array;
  readonly sizeBytes: number;
  readonly hash: Uint8Array;
  readonly file: string;
}

export interface Usage {
  readonly entries: number;
  readonly entryBytes: number;
  readonly blobs: number;
  readonly blobBytes: number;
}

function entryOf(row: Readonly<Record<string, unknown>>): EntryRow {
  return {
    sequence: Number(row["sequence"]),
    hash: row["hash"] as Uint8Array,
    head: row["head"] as Uint8Array,
    sizeBytes: Number(row["size_bytes"]),
    body: (row["body"] as Uint8Array | null) ?? undefined,
    file: (row["file"] as string | null) ?? undefined,
  };
}

function blobOf(row: Readonly<Record<string, unknown>>): BlobRow {
  return {
    id: row["id"] as Uint8Array,
    sizeBytes: Number(row["size_bytes"]),
    hash: row["hash"] as Uint8Array,
    file: String(row["file"]),
  };
}

const facts = "sequence, hash, head, size_bytes, file";

/** The index of the vault. Callers bring the transaction that makes several calls one. */
export class VaultStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Without its body. */
  newest(account: Uint8Array, network: Uint8Array): EntryRow | undefined {
    const row = this.#database.get(
      `SELECT ${facts} FROM vault_entries WHERE account = ? AND network = ? ORDER BY sequence DESC LIMIT 1`,
      account,
      network,
    );
    return row === undefined ? undefined : entryOf(row);
  }

  first(account: Uint8Array, network: Uint8Array): number {
    const row = this.#database.get(
      "SELECT min(sequence) AS first FROM vault_entries WHERE account = ? AND network = ?",
      account,
      network,
    );
    return Number(row?.["first"] ?? 1);
  }

  hashAt(account: Uint8Array, network: Uint8Array, sequence: number): Uint8Array | undefined {
    const row = this.#database.get(
      "SELECT hash FROM vault_entries WHERE account = ? AND network = ? AND sequence = ?",
      account,
      network,
      sequence,
    );
    return row?.["hash"] as Uint8Array | undefined;
  }

  /** Oldest first. */
  entries(account: Uint8Array, network: Uint8Array, from: number, countMax: number): readonly EntryRow[] {
    return this.#database
      .all(
        `SELECT ${facts}, body FROM vault_entries WHERE account = ? AND network = ? AND sequence >= ?
         ORDER BY sequence LIMIT ?`,
        account,
        network,
        from,
        countMax,
      )
      .map(entryOf);
  }

  insertEntry(account: Uint8Array, network: Uint8Array, entry: EntryRow): void {
    this.#database.run(
      "INSERT INTO vault_entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      account,
      network,
      entry.sequence,
      entry.hash,
      entry.head,
      entry.sizeBytes,
      entry.body ?? null,
      entry.file ?? null,
    );
  }

  /** Forgets entries below one sequence and from another one on. Returns the files that nothing names any more. */
  dropEntries(account: Uint8Array, network: Uint8Array, below: number, from: number): readonly string[] {
    return this.#database
      .all(
        `DELETE FROM vault_entries WHERE account = ? AND network = ? AND (sequence < ? OR sequence >= ?)
         RETURNING file`,
        account,
        network,
        below,
        from,
      )
      .flatMap((row) => (row["file"] as string | null) ?? []);
  }

  usage(account: Uint8Array): Usage {
    const entries = this.#database.get(
      "SELECT count(*) AS n, coalesce(sum(size_bytes), 0) AS bytes FROM vault_entries WHERE account = ?",
      account,
    );
    const blobs = this.#database.get(
      "SELECT count(*) AS n, coalesce(sum(size_bytes), 0) AS bytes FROM vault_blobs WHERE account = ?",
      account,
    );
    return {
      entries: Number(entries?.["n"]),
      entryBytes: Number(entries?.["bytes"]),
      blobs: Number(blobs?.["n"]),
      blobBytes: Number(blobs?.["bytes"]),
    };
  }

  /** Of all accounts. */
  totalBytes(): number {
    return Number(this.#database.get("SELECT bytes FROM vault_total")?.["bytes"]);
  }

  blob(account: Uint8Array, id: Uint8Array): BlobRow | undefined {
    const row = this.#database.get("SELECT * FROM vault_blobs WHERE account = ? AND id = ?", account, id);
    return row === undefined ? undefined : blobOf(row);
  }

  blobs(account: Uint8Array): readonly BlobRow[] {
    return this.#database.all("SELECT * FROM vault_blobs WHERE account = ? ORDER BY id", account).map(blobOf);
  }

  insertBlob(account: Uint8Array, blob: BlobRow): void {
    const { id, sizeBytes, hash, file } = blob;
    this.#database.run("INSERT INTO vault_blobs VALUES (?, ?, ?, ?, ?)", account, id, sizeBytes, hash, file);
  }

  deleteBlob(account: Uint8Array, id: Uint8Array): void {
    this.#database.run("DELETE FROM vault_blobs WHERE account = ? AND id = ?", account, id);
  }

  isNamed(file: string): boolean {
    const row = this.#database.get(
      "SELECT 1 FROM vault_entries WHERE file = ? UNION ALL SELECT 1 FROM vault_blobs WHERE file = ? LIMIT 1",
      file,
      file,
    );
    return row !== undefined;
  }
}
