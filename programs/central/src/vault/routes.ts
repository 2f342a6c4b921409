import { fromHex, toBase64Url, toHex } from "@piccolo/bytes";
import { decodeVaultEntries, encodeVaultPage, routes, type VaultState } from "@piccolo/central-api";
import type { Api, ApiContext } from "../http/api.ts";
import type { Vault, VaultView } from "./vault.ts";

function stateView({ head, ...numbers }: VaultView): VaultState {
  return { ...numbers, head: head === undefined ? null : toBase64Url(head) };
}

const octets = (c: ApiContext, bytes: Uint8Array): Response =>
  c.body(new Uint8Array(bytes), 200, { "content-type": "application/octet-stream" });

async function bodyOf(c: ApiContext): Promise<Uint8Array> {
  return new Uint8Array(await c.req.arrayBuffer());
}

export function mountVault(api: Api, vault: Vault): void {
  api.openapi(routes["GET /v1/networks/{id}/metadata/state"], (c) => {
    const network = fromHex(c.req.valid("param").id);
    return c.json(stateView(vault.state(c.get("caller").account, network)), 200);
  });
  api.openapi(routes["GET /v1/networks/{id}/metadata"], (c) => {
    const network = fromHex(c.req.valid("param").id);
    const { from = 0 } = c.req.valid("query");
    return octets(c, encodeVaultPage(vault.read(c.get("caller").account, network, from)));
  });
  api.openapi(routes["PUT /v1/networks/{id}/metadata"], async (c) => {
    const network = fromHex(c.req.valid("param").id);
    const entries = decodeVaultEntries(await bodyOf(c));
    return c.json(stateView(vault.append(c.get("caller"), network, entries)), 200);
  });
  api.openapi(routes["GET /v1/blobs"], (c) => {
    const blobs = vault.listBlobs(c.get("caller").account);
    return c.json({ blobs: blobs.map(({ id, sizeBytes }) => ({ id: toHex(id), sizeBytes })) }, 200);
  });
  api.openapi(routes["PUT /v1/blobs/{blob}"], async (c) => {
    const id = fromHex(c.req.valid("param").blob);
    vault.putBlob(c.get("caller").account, id, await bodyOf(c));
    return c.body(null, 204);
  });
  api.openapi(routes["GET /v1/blobs/{blob}"], (c) => {
    const id = fromHex(c.req.valid("param").blob);
    return octets(c, vault.getBlob(c.get("caller").account, id));
  });
  api.openapi(routes["DELETE /v1/blobs/{blob}"], (c) => {
    vault.deleteBlob(c.get("caller").account, fromHex(c.req.valid("param").blob));
    return c.body(null, 204);
  });
}
