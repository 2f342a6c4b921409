/**
 * The contract of central's HTTP interface, one entry per call. Central mounts them, docs/api/central.json is made from
 * them, and the typed client is typed by them. Every call but `GET /v1/time` and those of a recovering device is signed (signed-call.ts).
 */
import { createRoute, type RouteConfig, z } from "@hono/zod-openapi";
import { Account, NetworkList, OwnerKey, OwnerKeyUpdate, Registration } from "./accounts.ts";
import { AddressLease, AddressList, AddressUpdate, CentralTime, RelayList } from "./addresses.ts";
import { Id } from "./fields.ts";
import { EntrySubmission, InvitedRead, LogHead, logEntriesMax, LogPage } from "./networks.ts";
import { Problem } from "./problem.ts";
import { Proposal, ProposalList, ProposalSubmission } from "./proposals.ts";
import { BlobId, BlobList, KeptSlot, RecoveryChallenge, SlotSearch, SlotSubmission, VaultState } from "./vault.ts";

const json = <S extends z.ZodType>(schema: S) => ({ content: { "application/json": { schema } } });
const body = <S extends z.ZodType>(schema: S) => ({ ...json(schema), required: true });
const problem = { description: "Refused", content: { "application/problem+json": { schema: Problem } } } as const;
const ok = <S extends z.ZodType>(description: string, schema: S) => ({
  200: { description, ...json(schema) },
  default: problem,
});
const nothing = { 204: { description: "Done" }, default: problem };
const network = z.object({ id: Id });
const binary = { "application/octet-stream": { schema: z.string().openapi({ format: "binary" }) } };
const octets = (description: string) => ({ 200: { description, content: binary }, default: problem });
const blob = z.object({ blob: BlobId });

/** The name of the security scheme of signed calls in the OpenAPI document. */
export const signedCallScheme = "signedCall";
const signed = [{ [signedCallScheme]: [] }];

function route<const R extends RouteConfig>(config: R) {
  return createRoute(config);
}

export const routes = {
  "GET /v1/time": route({
    method: "get",
    path: "/v1/time",
    summary: "Central's clock; the one call that needs no signature",
    security: [],
    responses: ok("Now", CentralTime),
  }),
  "POST /v1/accounts": route({
    method: "post",
    path: "/v1/accounts",
    summary: "Register an account and its device, or the device that replaces it; signed by either key in the body",
    security: signed,
    request: { body: body(Registration) },
    responses: ok("What is registered now", Account),
  }),
  "POST /v1/accounts/owner-key": route({
    method: "post",
    path: "/v1/accounts/owner-key",
    summary: "Move a known account to a newer owner key; signed by the newest",
    security: signed,
    request: { body: body(OwnerKeyUpdate) },
    responses: ok("The newest owner key", OwnerKey),
  }),
  "GET /v1/accounts/networks": route({
    method: "get",
    path: "/v1/accounts/networks",
    summary: "Where the calling account is a member",
    security: signed,
    responses: ok("Networks with the heads of their logs", NetworkList),
  }),
  "POST /v1/networks": route({
    method: "post",
    path: "/v1/networks",
    summary: "Found a network by its first entry, whose hash is its id",
    security: signed,
    request: { body: body(EntrySubmission) },
    responses: ok("The log's head", LogHead),
  }),
  "GET /v1/networks/{id}/log": route({
    method: "get",
    path: "/v1/networks/{id}/log",
    summary: "Entries of the log, for members",
    security: signed,
    request: {
      params: network,
      query: z.object({ from: z.coerce.number().int().min(0).max(logEntriesMax).optional() }),
    },
    responses: ok("A page", LogPage),
  }),
  "POST /v1/networks/{id}/log": route({
    method: "post",
    path: "/v1/networks/{id}/log",
    summary: "Append an entry that follows the head, as a member or as the owner it adds",
    security: signed,
    request: { params: network, body: body(EntrySubmission) },
    responses: ok("The log's head", LogHead),
  }),
  "POST /v1/networks/{id}/invited-read": route({
    method: "post",
    path: "/v1/networks/{id}/invited-read",
    summary: "Entries of the log, for whoever holds an open invitation",
    security: signed,
    request: { params: network, body: body(InvitedRead) },
    responses: ok("A page", LogPage),
  }),
  "GET /v1/networks/{id}/proposals": route({
    method: "get",
    path: "/v1/networks/{id}/proposals",
    summary: "What waits for members' signatures, for members",
    security: signed,
    request: { params: network },
    responses: ok("Oldest first", ProposalList),
  }),
  "POST /v1/networks/{id}/proposals": route({
    method: "post",
    path: "/v1/networks/{id}/proposals",
    summary: "Ask members for their signature, or add one's own to what was asked",
    security: signed,
    request: { params: network, body: body(ProposalSubmission) },
    responses: ok("The proposal with all signatures so far", Proposal),
  }),
  "DELETE /v1/networks/{id}/proposals/{proposal}": route({
    method: "delete",
    path: "/v1/networks/{id}/proposals/{proposal}",
    summary: "Withdraw one's own proposal",
    security: signed,
    request: { params: network.extend({ proposal: Id }) },
    responses: nothing,
  }),
  "PUT /v1/addresses": route({
    method: "put",
    path: "/v1/addresses",
    summary: "Say where the account's device listens",
    security: signed,
    request: { body: body(AddressUpdate) },
    responses: ok("Until when it counts", AddressLease),
  }),
  "GET /v1/networks/{id}/addresses": route({
    method: "get",
    path: "/v1/networks/{id}/addresses",
    summary: "Where the members' devices listen, for members",
    security: signed,
    request: { params: network },
    responses: ok("Members whose addresses count now", AddressList),
  }),
  "GET /v1/relay": route({
    method: "get",
    path: "/v1/relay",
    summary: "Where the relay listens",
    security: signed,
    responses: ok("Addresses of all relays", RelayList),
  }),
  "GET /v1/networks/{id}/metadata/state": route({
    method: "get",
    path: "/v1/networks/{id}/metadata/state",
    summary: "What central keeps of the account's metadata log, with the newest head",
    security: signed,
    request: { params: network },
    responses: ok("Newest head and bounds", VaultState),
  }),
  "GET /v1/networks/{id}/metadata": route({
    method: "get",
    path: "/v1/networks/{id}/metadata",
    summary: "Entries of the account's metadata log from a sequence on",
    security: signed,
    request: {
      params: network,
      query: z.object({ from: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional() }),
    },
    responses: octets("u8 1 ‖ u64 first kept ‖ u64 newest ‖ u16 count ‖ count x (sized(head) ‖ sized(sealed))"),
  }),
  "PUT /v1/networks/{id}/metadata": route({
    method: "put",
    path: "/v1/networks/{id}/metadata",
    summary: "Bring entries in order: u8 1 ‖ u16 count ‖ count x (sized(head) ‖ sized(sealed))",
    security: signed,
    request: { params: network, body: { content: binary, required: true } },
    responses: ok("Newest head and bounds", VaultState),
  }),
  "GET /v1/blobs": route({
    method: "get",
    path: "/v1/blobs",
    summary: "Sealed segments that central keeps for the account",
    security: signed,
    responses: ok("In the order of their ids", BlobList),
  }),
  "PUT /v1/blobs/{blob}": route({
    method: "put",
    path: "/v1/blobs/{blob}",
    summary: "Keep a sealed segment under its id",
    security: signed,
    request: { params: blob, body: { content: binary, required: true } },
    responses: nothing,
  }),
  "GET /v1/blobs/{blob}": route({
    method: "get",
    path: "/v1/blobs/{blob}",
    summary: "The sealed segment under an id",
    security: signed,
    request: { params: blob },
    responses: octets("Its bytes"),
  }),
  "DELETE /v1/blobs/{blob}": route({
    method: "delete",
    path: "/v1/blobs/{blob}",
    summary: "Forget a sealed segment",
    security: signed,
    request: { params: blob },
    responses: nothing,
  }),
  "PUT /v1/slots": route({
    method: "put",
    path: "/v1/slots",
    summary: "Keep the account's newest sealed slot under its locator",
    security: signed,
    request: { body: body(SlotSubmission) },
    responses: ok("What is kept", KeptSlot),
  }),
  "POST /v1/recovery/challenge": route({
    method: "post",
    path: "/v1/recovery/challenge",
    summary: "Ask for a challenge to prove a locator key with; unsigned, rate limited",
    security: [],
    responses: ok("Taken once", RecoveryChallenge),
  }),
  "POST /v1/recovery/slot": route({
    method: "post",
    path: "/v1/recovery/slot",
    summary: "Find a sealed slot by the proof of its locator key; no account, rate limited by address and by locator",
    security: [],
    request: { body: body(SlotSearch) },
    responses: ok("The sealed slot", SlotSubmission),
  }),
} as const;

export type Routes = typeof routes;
export type RouteName = keyof Routes;
