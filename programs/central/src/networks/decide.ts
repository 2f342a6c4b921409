import { centralFaults, verifyInvitationProof } from "@piccolo/central-api";
import {
  applyEntry,
  checkInvitation,
  checkTimely,
  decodeEntry,
  decodeSignedInvitation,
  type NetworkState,
} from "@piccolo/membership";

const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

export interface AppendDecision {
  /** `nothing`: the entry is in the log already, its sender did not hear the reply. */
  readonly kind: "append" | "nothing";
  /** After the entry. */
  readonly state: NetworkState;
}

/** One message for both cases, so that a stranger does not learn which networks exist. */
export function notAMember(): Error {
  return centralFaults.fault(
    "not-a-member",
    "central does not know this network, or this account is not its member: join it first",
  );
}

export function requireMember(state: NetworkState | undefined, account: Uint8Array): NetworkState {
  if (state?.memberByAccount(account) === undefined) throw notAMember();
  return state;
}

/** A new network's state. Throws `account-mismatch`, `entry-untimely` and what `applyEntry` says. */
export function decideFounding(account: Uint8Array, entry: Uint8Array, nowMs: number): NetworkState {
  const state = applyEntry(undefined, entry);
  checkTimely(entry, nowMs);
  if (!equal(state.founder.account, account)) {
    throw centralFaults.fault("account-mismatch", "only its founder brings a network's first entry");
  }
  return state;
}

/**
 * Whether an entry goes on the log. Members bring entries; the owner whom an entry adds brings their own. Throws
 * `not-a-member`, `head-moved`, `log-full`, `entry-untimely` and what `applyEntry` says.
 */
export function decideAppend(
  state: NetworkState | undefined,
  account: Uint8Array,
  bytes: Uint8Array,
  at: { readonly nowMs: number; readonly logEntriesMax: number },
): AppendDecision {
  const entry = decodeEntry(bytes);
  const { body, position } = entry;
  const brings =
    state?.memberByAccount(account) !== undefined ||
    (body.kind === "add" && equal(body.member.account, account)) ||
    // A member who left and did not hear so asks again.
    entry.signatures.some((signature) => equal(signature.account, account));
  if (state === undefined || !brings) throw notAMember();
  const known = state.entryHashes[position.sequence];
  if (known !== undefined) {
    if (equal(known, entry.hash)) return { kind: "nothing", state };
    throw centralFaults.fault("head-moved", "another entry came first: fetch the newest log and make this one again", {
      details: { length: state.length },
    });
  }
  if (state.length >= at.logEntriesMax) {
    throw centralFaults.fault("log-full", `the log has ${state.length} entries, as many as central keeps`);
  }
  const next = applyEntry(state, bytes);
  checkTimely(bytes, at.nowMs);
  return { kind: "append", state: next };
}

/**
 * Whether a non-member may read the log: the invitation is one that could be used now, and the caller holds its secret.
 * Throws `not-a-member`, `call-signature` and what `checkInvitation` says.
 */
export function decideInvitedRead(
  state: NetworkState | undefined,
  account: Uint8Array,
  shown: { readonly invitation: Uint8Array; readonly proof: Uint8Array },
  nowMs: number,
): NetworkState {
  const signed = decodeSignedInvitation(shown.invitation);
  const { invitationKey, networkId } = signed.statement;
  // The proof comes first: whoever cannot give it learns nothing about the network.
  if (!verifyInvitationProof(invitationKey, networkId, account, shown.proof)) {
    throw centralFaults.fault("call-signature", "the proof does not fit the invitation: copy its text again");
  }
  if (state === undefined) throw notAMember();
  checkInvitation(state, signed, nowMs);
  return state;
}
