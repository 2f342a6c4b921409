import { fromBase64Url, fromHex, toBase64Url, toHex } from "@piccolo/bytes";
import { routes } from "@piccolo/central-api";
import type { Accounts } from "../accounts/accounts.ts";
import type { Api } from "../http/api.ts";
import type { RateLimiter } from "../http/rate-limit.ts";
import type { Slots } from "./slots.ts";

/** For a device that has nothing but the phrase; it has no account to sign for. */
export function mountRecovery(api: Api, slots: Slots, perRemote: RateLimiter): void {
  api.openapi(routes["POST /v1/recovery/challenge"], (c) => {
    perRemote.take(c.get("remote"));
    const { challenge, expiresAtMs } = slots.challenge();
    return c.json({ challenge: toHex(challenge), expiresAtMs }, 200);
  });
  api.openapi(routes["POST /v1/recovery/slot"], (c) => {
    const { locator, locatorKey, challenge, signature } = c.req.valid("json");
    const slot = slots.find(
      {
        locator: fromHex(locator),
        locatorKey: fromHex(locatorKey),
        challenge: fromHex(challenge),
        signature: fromBase64Url(signature),
      },
      new URL(c.req.url).host,
    );
    return c.json({ slot: toBase64Url(slot) }, 200);
  });
}

export function mountSlots(api: Api, slots: Slots, accounts: Accounts): void {
  api.openapi(routes["PUT /v1/slots"], (c) => {
    const account = accounts.require(c.get("caller").account);
    const { locator, number } = slots.put(account, fromBase64Url(c.req.valid("json").slot));
    return c.json({ locator: toHex(locator), number }, 200);
  });
}
