import { fromBase64Url, fromHex, toBase64Url, toHex } from "@piccolo/bytes";
import { type Proposal as ProposalBody, routes } from "@piccolo/central-api";
import type { Api } from "../http/api.ts";
import type { Proposals } from "./proposals.ts";
import type { Proposal } from "./types.ts";

function view({ id, kind, bytes, proposedBy, signedBy, complete, createdAtMs, expiresAtMs }: Proposal): ProposalBody {
  return {
    id: toHex(id),
    kind,
    bytes: toBase64Url(bytes),
    proposedBy: toHex(proposedBy),
    signedBy: signedBy.map(toHex),
    complete,
    createdAtMs,
    expiresAtMs,
  };
}

export function mountProposals(api: Api, proposals: Proposals): void {
  api.openapi(routes["GET /v1/networks/{id}/proposals"], (c) => {
    const found = proposals.list(c.get("caller").account, fromHex(c.req.valid("param").id));
    return c.json({ proposals: found.map(view) }, 200);
  });
  api.openapi(routes["POST /v1/networks/{id}/proposals"], (c) => {
    const { kind, bytes } = c.req.valid("json");
    const { account } = c.get("caller");
    return c.json(view(proposals.propose(account, fromHex(c.req.valid("param").id), kind, fromBase64Url(bytes))), 200);
  });
  api.openapi(routes["DELETE /v1/networks/{id}/proposals/{proposal}"], (c) => {
    const { id, proposal } = c.req.valid("param");
    proposals.withdraw(c.get("caller").account, fromHex(id), fromHex(proposal));
    return c.body(null, 204);
  });
}
