import type { DraftKind } from "@piccolo/membership";

/** A draft as it lies in the database. */
export interface StoredProposal {
  readonly id: Uint8Array;
  readonly kind: DraftKind;
  readonly bytes: Uint8Array;
  readonly proposedBy: Uint8Array;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
}

/** A stored draft that still holds, with what its signatures amount to now. */
export interface Proposal extends StoredProposal {
  readonly signedBy: readonly Uint8Array[];
  readonly complete: boolean;
}
