import { fromBase64Url, fromHex, toHex } from "@piccolo/bytes";
import { type Registration, routes } from "@piccolo/central-api";
import type { Api } from "../http/api.ts";
import type { CallCheck } from "../http/call-check.ts";
import type { Accounts } from "./accounts.ts";
import { checkRegistration } from "./decide.ts";
import type { Account } from "./types.ts";

function accountOf({ account, ownerPublicKey, device }: Registration): Account {
  return {
    account: fromHex(account),
    ownerPublicKey: fromHex(ownerPublicKey),
    device: {
      deviceKey: fromHex(device.key),
      deviceEpoch: device.epoch,
      signature: fromBase64Url(device.certificate),
    },
  };
}

/** Registration is the one call whose keys central cannot know beforehand: they stand in its body. */
export function mountAccounts(api: Api, accounts: Accounts, calls: CallCheck): void {
  api.openapi(routes["POST /v1/accounts"], async (c) => {
    const claimed = accountOf(c.req.valid("json"));
    checkRegistration(claimed);
    await calls.checkRegistration(c, claimed);
    accounts.register(claimed);
    const { account, device } = claimed;
    return c.json(
      { account: toHex(account), deviceKey: toHex(device.deviceKey), deviceEpoch: device.deviceEpoch },
      200,
    );
  });
}
