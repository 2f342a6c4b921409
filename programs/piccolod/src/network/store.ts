import type { DatabaseSync } from "node:sqlite";
import { transact } from "../db/database.ts";

/** What is remembered of another member between starts. */
export interface PeerRecord {
  /** Lower-case hex. */
  readonly account: string;
  readonly lastSeenMs: number;
  readonly domain: string | undefined;
  readonly addresses: readonly string[];
}

export interface OwnInvitation {
  /** Hex of the invitation's key. */
  readonly id: string;
  /** The whole text, secret included. */
  readonly text: string;
  readonly createdAtMs: number;
}

/** The network's part of the `control` database. */
export class NetworkStore {
  readonly #db: DatabaseSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** The log as it was last known, in order, from an index on. */
  entries(from = 0): Uint8Array[] {
    const read = this.#db.prepare("SELECT entry FROM membership_entry WHERE sequence >= ? ORDER BY sequence");
    const rows = read.all(from) as { entry: Uint8Array }[];
    return rows.map(({ entry }) => new Uint8Array(entry));
  }

  appendEntries(from: number, entries: readonly Uint8Array[]): void {
    transact(this.#db, () => {
      const insert = this.#db.prepare("INSERT INTO membership_entry (sequence, entry) VALUES (?, ?)");
      for (const [at, entry] of entries.entries()) insert.run(from + at, entry);
    });
  }

  /** All or nothing; whatever was known before is gone, and peers with it. */
  replaceEntries(entries: readonly Uint8Array[]): void {
    transact(this.#db, () => {
      this.#db.exec("DELETE FROM membership_entry; DELETE FROM peer");
      this.appendEntries(0, entries);
    });
  }

  peers(): PeerRecord[] {
    const rows = this.#db.prepare("SELECT account, last_seen_ms, domain, addresses FROM peer").all() as {
      account: string;
      last_seen_ms: number;
      domain: string | null;
      addresses: string;
    }[];
    return rows.map((row) => ({
      account: row.account,
      lastSeenMs: row.last_seen_ms,
      domain: row.domain ?? undefined,
      addresses: JSON.parse(row.addresses) as string[],
    }));
  }

  savePeer(peer: PeerRecord): void {
    this.#db
      .prepare(
        `INSERT INTO peer (account, last_seen_ms, domain, addresses) VALUES (?, ?, ?, ?)
         ON CONFLICT (account) DO UPDATE SET last_seen_ms = excluded.last_seen_ms, domain = excluded.domain,
           addresses = excluded.addresses`,
      )
      .run(peer.account, peer.lastSeenMs, peer.domain ?? null, JSON.stringify(peer.addresses));
  }

  ownInvitations(): OwnInvitation[] {
    const rows = this.#db
      .prepare("SELECT invitation_id, text, created_at_ms FROM own_invitation ORDER BY created_at_ms")
      .all() as { invitation_id: string; text: string; created_at_ms: number }[];
    return rows.map((row) => ({ id: row.invitation_id, text: row.text, createdAtMs: row.created_at_ms }));
  }

  saveInvitation(invitation: OwnInvitation): void {
    this.#db
      .prepare(
        `INSERT INTO own_invitation (invitation_id, text, created_at_ms) VALUES (?, ?, ?)
         ON CONFLICT (invitation_id) DO UPDATE SET text = excluded.text`,
      )
      .run(invitation.id, invitation.text, invitation.createdAtMs);
  }
}
