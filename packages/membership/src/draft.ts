import { createHash } from "node:crypto";
import { isFault } from "@piccolo/fault";
import { decodeEntry, encodeEntry } from "./entry-codec.ts";
import { membershipFaults } from "./faults.ts";
import { decodeSignedInvitation, encodeSignedInvitation } from "./invitation-codec.ts";
import { applyEntry, checkInvitation } from "./rules.ts";
import { compareBytes, type MemberSignature, signaturesMax, withSignature } from "./signer.ts";
import type { NetworkState } from "./state.ts";

/** What more than one member may have to sign: an invitation, or the entry that removes a member. */
export type DraftKind = "invitation" | "entry";

/** What a draft says of itself. */
export interface Draft {
  readonly kind: DraftKind;
  /** 32 bytes: a hash of what is signed, the same whatever the signatures. */
  readonly id: Uint8Array;
  readonly signatures: readonly MemberSignature[];
  /** Whether the signatures are enough in the state it was checked against. */
  readonly complete: boolean;
  /** Until when it can be used; undefined for an entry, which waits as long as no other one comes first. */
  readonly expiresAtMs: number | undefined;
}

interface Parts {
  readonly id: Uint8Array;
  readonly signatures: readonly MemberSignature[];
  readonly expiresAtMs: number | undefined;
  encode(signatures: readonly MemberSignature[]): Uint8Array;
  check(state: NetworkState, bytes: Uint8Array, nowMs: number): void;
}

function idOf(kind: DraftKind, signed: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(`piccolo/membership/v1/draft-${kind}\0`).update(signed).digest());
}

function take(kind: DraftKind, bytes: Uint8Array): Parts {
  if (kind === "invitation") {
    const { statement, signatures } = decodeSignedInvitation(bytes);
    return {
      id: idOf(kind, encodeSignedInvitation({ statement, signatures: [] })),
      signatures,
      expiresAtMs: statement.expiresAtMs,
      encode: (all) => encodeSignedInvitation({ statement, signatures: all }),
      check: (state, _, nowMs) => checkInvitation(state, { statement, signatures }, nowMs),
    };
  }
  const { body, core, signatures } = decodeEntry(bytes);
  if (body.kind !== "remove") {
    throw membershipFaults.fault("membership-signature", "only removals are signed by several members");
  }
  return {
    id: idOf(kind, core),
    signatures,
    expiresAtMs: undefined,
    encode: (all) => encodeEntry(core, undefined, all),
    check: (state, entry) => {
      applyEntry(state, entry);
    },
  };
}

/**
 * Checks a draft against a state as if it were to be used now; only signatures that are still missing are forgiven.
 * Throws `malformed` and the faults of `membershipFaults`.
 */
export function checkDraft(state: NetworkState, kind: DraftKind, bytes: Uint8Array, nowMs: number): Draft {
  const parts = take(kind, bytes);
  let complete = true;
  try {
    parts.check(state, bytes, nowMs);
  } catch (error) {
    if (!isFault(error, "too-few-signers")) throw error;
    complete = false;
  }
  const { id, signatures, expiresAtMs } = parts;
  return { kind, id, signatures, complete, expiresAtMs };
}

/**
 * One draft with the signatures of both, which are of the same draft (equal ids). Beyond the most that a form can hold,
 * those of the first stay. Throws `malformed`, and `membership-signature` for two different drafts.
 */
export function joinDrafts(kind: DraftKind, first: Uint8Array, second: Uint8Array): Uint8Array {
  const parts = take(kind, first);
  const other = take(kind, second);
  if (compareBytes(parts.id, other.id) !== 0) {
    throw membershipFaults.fault("membership-signature", "the signatures are of two different drafts");
  }
  const known = (account: Uint8Array): boolean =>
    parts.signatures.some((signature) => compareBytes(signature.account, account) === 0);
  const added = other.signatures.filter(({ account }) => !known(account));
  const room = signaturesMax - parts.signatures.length;
  return parts.encode(added.slice(0, room).reduce<readonly MemberSignature[]>(withSignature, parts.signatures));
}
