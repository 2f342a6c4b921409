import type { NetworkState } from "@piccolo/membership";
import type { Database } from "../db/database.ts";
import type { Head } from "./types.ts";

/** The logs, and what they say of members. Callers bring the transaction that makes several calls one. */
export class NetworkStore {
  readonly #database: Database;
  readonly #shareBytes: number;

  /** A log counts at least as `shareBytes`. */
  constructor(database: Database, shareBytes: number) {
    this.#database = database;
    this.#shareBytes = shareBytes;
    database.run("UPDATE log_total SET bytes = (SELECT coalesce(sum(max(bytes, ?)), 0) FROM networks)", shareBytes);
  }

  /** What the logs of all networks count for. */
  totalBytes(): number {
    return Number(this.#database.get("SELECT bytes FROM log_total")?.["bytes"]);
  }

  /** By how much that grows with an entry of so many bytes, which is a new network's first where there is none yet. */
  growthBytes(networkId: Uint8Array, entryBytes: number): number {
    const row = this.#database.get("SELECT bytes FROM networks WHERE network = ?", networkId);
    const bytes = row === undefined ? undefined : Number(row["bytes"]);
    const after = Math.max(this.#shareBytes, (bytes ?? 0) + entryBytes);
    return after - (bytes === undefined ? 0 : Math.max(this.#shareBytes, bytes));
  }

  length(networkId: Uint8Array): number {
    const row = this.#database.get("SELECT length FROM networks WHERE network = ?", networkId);
    return Number(row?.["length"] ?? 0);
  }

  countFoundedBy(account: Uint8Array): number {
    const row = this.#database.get("SELECT count(*) AS n FROM networks WHERE founded_by = ?", account);
    return Number(row?.["n"]);
  }

  entries(networkId: Uint8Array, from: number, countMax: number): readonly Uint8Array[] {
    return this.#database
      .all(
        "SELECT entry FROM entries WHERE network = ? AND sequence >= ? ORDER BY sequence LIMIT ?",
        networkId,
        from,
        countMax,
      )
      .map((row) => row["entry"] as Uint8Array);
  }

  insertNetwork(state: NetworkState): void {
    this.#database.run(
      "INSERT INTO networks (network, founded_by, length, head_hash) VALUES (?, ?, 0, ?)",
      state.networkId,
      state.founder.account,
      state.headHash,
    );
    this.#database.run("UPDATE log_total SET bytes = bytes + ?", this.#shareBytes);
  }

  /** Adds the entry whose application gave `state`. */
  append(state: NetworkState, entry: Uint8Array): void {
    const { networkId, length, headHash, members } = state;
    this.#database.run("UPDATE log_total SET bytes = bytes + ?", this.growthBytes(networkId, entry.length));
    this.#database.run("INSERT INTO entries VALUES (?, ?, ?)", networkId, length - 1, entry);
    this.#database.run(
      "UPDATE networks SET length = ?, head_hash = ?, bytes = bytes + ? WHERE network = ?",
      length,
      headHash,
      entry.length,
      networkId,
    );
    this.#database.run("DELETE FROM members WHERE network = ?", networkId);
    for (const { account, deviceKey } of members.values()) {
      this.#database.run("INSERT INTO members VALUES (?, ?, ?)", networkId, account, deviceKey);
    }
  }

  /** Of the networks that an account is a member of. */
  headsOf(account: Uint8Array): readonly Head[] {
    return this.#database
      .all(
        `SELECT n.network, n.length, n.head_hash FROM members AS m JOIN networks AS n ON n.network = m.network
         WHERE m.account = ? ORDER BY n.network LIMIT 1024`,
        account,
      )
      .map((row) => ({
        networkId: row["network"] as Uint8Array,
        length: Number(row["length"]),
        headHash: row["head_hash"] as Uint8Array,
      }));
  }

  /** Whether two devices act for members of one network. */
  share(deviceKey: Uint8Array, other: Uint8Array): boolean {
    const row = this.#database.get(
      `SELECT 1 FROM members AS a JOIN members AS b ON a.network = b.network
       WHERE a.device_key = ? AND b.device_key = ? LIMIT 1`,
      deviceKey,
      other,
    );
    return row !== undefined;
  }
}
