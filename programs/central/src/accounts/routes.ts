import { fromBase64Url, fromHex, toHex } from "@piccolo/bytes";
import { decodeChain, type Registration, routes } from "@piccolo/central-api";
import { verifyRotationChain } from "@piccolo/envelope";
import type { Api } from "../http/api.ts";
import type { CallCheck } from "../http/call-check.ts";
import type { Accounts } from "./accounts.ts";
import { checkRegistration } from "./decide.ts";
import type { ClaimedAccount } from "./types.ts";

function claimOf({ account, ownerPublicKey, chain, device }: Registration): Omit<ClaimedAccount, "keyEpoch"> {
  return {
    account: fromHex(account),
    ownerPublicKey: fromHex(ownerPublicKey),
    chain: chain === undefined ? undefined : decodeChain(chain),
    device: {
      deviceKey: fromHex(device.key),
      deviceEpoch: device.epoch,
      signature: fromBase64Url(device.certificate),
    },
  };
}

/** Calls whose keys central cannot know beforehand: they stand in the body. */
export function mountAccounts(api: Api, accounts: Accounts, calls: CallCheck): void {
  api.openapi(routes["POST /v1/accounts"], async (c) => {
    const claimed = checkRegistration(claimOf(c.req.valid("json")));
    await calls.checkRegistration(c, claimed.account, [claimed.ownerPublicKey, claimed.device.deviceKey]);
    accounts.register(claimed);
    const { account, device } = claimed;
    return c.json(
      { account: toHex(account), deviceKey: toHex(device.deviceKey), deviceEpoch: device.deviceEpoch },
      200,
    );
  });
  api.openapi(routes["POST /v1/accounts/owner-key"], async (c) => {
    const given = c.req.valid("json");
    const account = fromHex(given.account);
    const chain = decodeChain(given.chain);
    await calls.checkRegistration(c, account, [verifyRotationChain(account, chain).ownerPublicKey]);
    const { ownerPublicKey, keyEpoch } = accounts.rotateOwnerKey(account, chain);
    return c.json({ account: given.account, ownerPublicKey: toHex(ownerPublicKey), keyEpoch }, 200);
  });
}
