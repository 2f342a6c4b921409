import type { DraftKind } from "@piccolo/membership";
import type { Database } from "../db/database.ts";
import type { StoredProposal } from "./types.ts";

interface ProposalRow {
  readonly id: Uint8Array;
  readonly kind: DraftKind;
  readonly bytes: Uint8Array;
  readonly proposed_by: Uint8Array;
  readonly created_ms: number;
  readonly expires_ms: number;
}

export class ProposalStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Oldest first. */
  list(networkId: Uint8Array): readonly StoredProposal[] {
    const rows = this.#database.all(
      "SELECT * FROM proposals WHERE network = ? ORDER BY created_ms, id",
      networkId,
    ) as unknown as readonly ProposalRow[];
    return rows.map((row) => ({
      id: row.id,
      kind: row.kind,
      bytes: row.bytes,
      proposedBy: row.proposed_by,
      createdAtMs: row.created_ms,
      expiresAtMs: row.expires_ms,
    }));
  }

  put(networkId: Uint8Array, proposal: StoredProposal): void {
    this.#database.run(
      `INSERT INTO proposals VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (network, id) DO UPDATE SET bytes = excluded.bytes`,
      networkId,
      proposal.id,
      proposal.kind,
      proposal.bytes,
      proposal.proposedBy,
      proposal.createdAtMs,
      proposal.expiresAtMs,
    );
  }

  delete(networkId: Uint8Array, id: Uint8Array): void {
    this.#database.run("DELETE FROM proposals WHERE network = ? AND id = ?", networkId, id);
  }
}
