import { fromBase64Url, fromHex, toBase64Url, toHex } from "@piccolo/bytes";
import { type LogHead, type LogPage, routes } from "@piccolo/central-api";
import type { Api } from "../http/api.ts";
import type { Networks } from "./networks.ts";
import type { Head, Page } from "./types.ts";

function headView({ networkId, length, headHash }: Head): LogHead {
  return { networkId: toHex(networkId), length, headHash: toHex(headHash) };
}

function pageView(networkId: string, { from, length, entries }: Page): LogPage {
  return { networkId, from, length, entries: entries.map(toBase64Url) };
}

export function mountNetworks(api: Api, networks: Networks): void {
  api.openapi(routes["GET /v1/accounts/networks"], (c) =>
    c.json({ networks: networks.ofAccount(c.get("caller").account).map(headView) }, 200),
  );
  api.openapi(routes["POST /v1/networks"], (c) => {
    const head = networks.found(c.get("caller").account, fromBase64Url(c.req.valid("json").entry));
    return c.json(headView(head), 200);
  });
  api.openapi(routes["GET /v1/networks/{id}/log"], (c) => {
    const { id } = c.req.valid("param");
    const { from = 0 } = c.req.valid("query");
    return c.json(pageView(id, networks.read(c.get("caller").account, fromHex(id), from)), 200);
  });
  api.openapi(routes["POST /v1/networks/{id}/log"], (c) => {
    const { id } = c.req.valid("param");
    const entry = fromBase64Url(c.req.valid("json").entry);
    return c.json(headView(networks.append(c.get("caller").account, fromHex(id), entry)), 200);
  });
  api.openapi(routes["POST /v1/networks/{id}/invited-read"], (c) => {
    const { id } = c.req.valid("param");
    const { invitation, proof, from } = c.req.valid("json");
    const shown = { invitation: fromBase64Url(invitation), proof: fromBase64Url(proof) };
    return c.json(pageView(id, networks.readInvited(c.get("caller").account, fromHex(id), shown, from)), 200);
  });
}
