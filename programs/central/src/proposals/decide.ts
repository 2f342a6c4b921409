import { centralFaults } from "@piccolo/central-api";
import { isFault } from "@piccolo/fault";
import { checkDraft, type Draft, type DraftKind, joinDrafts, type NetworkState } from "@piccolo/membership";
import type { Proposal, StoredProposal } from "./types.ts";

const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

export interface ProposalBounds {
  readonly proposalsPerNetwork: number;
  readonly proposalsPerMember: number;
  readonly proposalLifetimeMs: number;
}

export function withSignatures(stored: StoredProposal, draft: Draft): Proposal {
  return { ...stored, signedBy: draft.signatures.map(({ account }) => account), complete: draft.complete };
}

/** What a stored draft amounts to in this state; undefined where it was carried out or no longer fits the log. */
export function review(state: NetworkState, stored: StoredProposal, nowMs: number): Draft | undefined {
  try {
    return checkDraft(state, stored.kind, stored.bytes, nowMs);
  } catch (error) {
    if (isFault(error)) return undefined;
    throw error;
  }
}

/**
 * The proposal to store: a new one, or one of `standing` with the added signatures. Throws `too-many-proposals` and what
 * `checkDraft` says against it.
 */
export function decideProposal(
  state: NetworkState,
  standing: readonly Proposal[],
  submitted: { readonly account: Uint8Array; readonly kind: DraftKind; readonly bytes: Uint8Array },
  at: ProposalBounds & { readonly nowMs: number },
): Proposal {
  const { account, kind, bytes } = submitted;
  const draft = checkDraft(state, kind, bytes, at.nowMs);
  const known = standing.find((proposal) => proposal.kind === kind && equal(proposal.id, draft.id));
  if (known !== undefined) {
    const joined = joinDrafts(kind, known.bytes, bytes);
    return withSignatures({ ...known, bytes: joined }, checkDraft(state, kind, joined, at.nowMs));
  }
  const own = standing.filter(({ proposedBy }) => equal(proposedBy, account));
  if (standing.length >= at.proposalsPerNetwork || own.length >= at.proposalsPerMember) {
    throw centralFaults.fault(
      "too-many-proposals",
      "too many proposals of this network wait for signatures: sign or withdraw some first",
    );
  }
  const lifetimeEndMs = at.nowMs + at.proposalLifetimeMs;
  return withSignatures(
    {
      id: draft.id,
      kind,
      bytes,
      proposedBy: account,
      createdAtMs: at.nowMs,
      expiresAtMs: Math.min(lifetimeEndMs, draft.expiresAtMs ?? lifetimeEndMs),
    },
    draft,
  );
}
