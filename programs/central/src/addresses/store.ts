import type { Database } from "../db/database.ts";
import type { PeerAddresses } from "./types.ts";

interface AddressRow {
  readonly account: Uint8Array;
  readonly device_key: Uint8Array;
  readonly multiaddrs: string;
  readonly updated_ms: number;
  readonly expires_ms: number;
}

export class AddressStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  put({ account, deviceKey, multiaddrs, updatedAtMs, expiresAtMs }: PeerAddresses): void {
    this.#database.run(
      `INSERT INTO addresses VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (account) DO UPDATE SET device_key = excluded.device_key, multiaddrs = excluded.multiaddrs,
         updated_ms = excluded.updated_ms, expires_ms = excluded.expires_ms`,
      account,
      deviceKey,
      JSON.stringify(multiaddrs),
      updatedAtMs,
      expiresAtMs,
    );
  }

  /** Of the devices that the network's log names now; what a replaced device said is left out. */
  ofMembers(networkId: Uint8Array, nowMs: number): readonly PeerAddresses[] {
    const rows = this.#database.all(
      `SELECT addresses.* FROM members JOIN addresses
         ON addresses.account = members.account AND addresses.device_key = members.device_key
       WHERE members.network = ? AND addresses.expires_ms > ? ORDER BY addresses.account`,
      networkId,
      nowMs,
    ) as unknown as readonly AddressRow[];
    return rows.map((row) => ({
      account: row.account,
      deviceKey: row.device_key,
      multiaddrs: JSON.parse(row.multiaddrs) as readonly string[],
      updatedAtMs: row.updated_ms,
      expiresAtMs: row.expires_ms,
    }));
  }

  putRelay(peerId: string, multiaddrs: readonly string[]): void {
    this.#database.run(
      "INSERT INTO relays VALUES (?, ?) ON CONFLICT (peer_id) DO UPDATE SET multiaddrs = excluded.multiaddrs",
      peerId,
      JSON.stringify(multiaddrs),
    );
  }

  relays(): readonly string[] {
    return this.#database
      .all("SELECT multiaddrs FROM relays ORDER BY peer_id")
      .flatMap((row) => JSON.parse(row["multiaddrs"] as string) as readonly string[]);
  }
}
