import { z } from "@hono/zod-openapi";
import { Id, OpaqueBytes, TimeMs } from "./fields.ts";

export const proposalKinds = ["invitation", "entry"] as const;
export type ProposalKind = (typeof proposalKinds)[number];

/**
 * A signed invitation without its secret, or a draft of an entry, with the signatures it has so far. Sent again with
 * more signatures, it is the same proposal: central keeps them all.
 */
export const ProposalSubmission = z
  .object({ kind: z.enum(proposalKinds), bytes: OpaqueBytes })
  .openapi("ProposalSubmission");
export type ProposalSubmission = z.infer<typeof ProposalSubmission>;

export const Proposal = z
  .object({
    /** Hash of what is signed, so the same whatever the signatures. */
    id: Id,
    kind: z.enum(proposalKinds),
    bytes: OpaqueBytes,
    proposedBy: Id,
    signedBy: z.array(Id).max(8),
    /** Whether the signatures are enough by the rules of the network as it is now. */
    complete: z.boolean(),
    createdAtMs: TimeMs,
    expiresAtMs: TimeMs,
  })
  .openapi("Proposal");
export type Proposal = z.infer<typeof Proposal>;

export const ProposalList = z.object({ proposals: z.array(Proposal).max(256) }).openapi("ProposalList");
