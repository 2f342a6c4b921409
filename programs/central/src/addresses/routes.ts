import { fromHex, toHex } from "@piccolo/bytes";
import { routes } from "@piccolo/central-api";
import type { Api } from "../http/api.ts";
import { peerIdOf } from "../relay/peer-id.ts";
import type { Addresses } from "./addresses.ts";

export function mountAddresses(api: Api, addresses: Addresses): void {
  api.openapi(routes["PUT /v1/addresses"], (c) => {
    const { multiaddrs, lifetimeMs } = c.req.valid("json");
    return c.json({ expiresAtMs: addresses.announce(c.get("caller"), multiaddrs, lifetimeMs) }, 200);
  });
  api.openapi(routes["GET /v1/networks/{id}/addresses"], (c) => {
    const found = addresses.ofMembers(c.get("caller").account, fromHex(c.req.valid("param").id));
    const peers = found.map(({ account, deviceKey, multiaddrs, updatedAtMs, expiresAtMs }) => ({
      account: toHex(account),
      deviceKey: toHex(deviceKey),
      peerId: peerIdOf(deviceKey),
      multiaddrs: [...multiaddrs],
      updatedAtMs,
      expiresAtMs,
    }));
    return c.json({ peers }, 200);
  });
  api.openapi(routes["GET /v1/relay"], (c) => c.json({ multiaddrs: [...addresses.relays()] }, 200));
}
