import { centralFaults, routes } from "@piccolo/central-api";
import type { World } from "@piccolo/world";
import { bodyLimit } from "hono/body-limit";
import type { Accounts } from "../accounts/accounts.ts";
import { mountAccounts } from "../accounts/routes.ts";
import type { Log } from "../adapters/log.ts";
import type { Addresses } from "../addresses/addresses.ts";
import { mountAddresses } from "../addresses/routes.ts";
import type { Limits } from "../limits.ts";
import type { Networks } from "../networks/networks.ts";
import { mountNetworks } from "../networks/routes.ts";
import type { Proposals } from "../proposals/proposals.ts";
import { mountProposals } from "../proposals/routes.ts";
import { type Api, createApi } from "./api.ts";
import { CallCheck } from "./call-check.ts";
import type { Nonces } from "./nonces.ts";
import { problemReply, replyToError } from "./problem.ts";
import { RateLimiter, remoteOf } from "./rate-limit.ts";

export interface AppParts {
  readonly accounts: Accounts;
  readonly networks: Networks;
  readonly proposals: Proposals;
  readonly addresses: Addresses;
  readonly nonces: Nonces;
  readonly limits: Limits;
  readonly world: World;
  readonly log: Log;
}

/** The whole HTTP interface. What stands below the signature check is for registered accounts only. */
export function createApp(p: AppParts): Api {
  const { limits, world } = p;
  const perRemote = new RateLimiter(limits.perRemote, world);
  const calls = new CallCheck({
    accounts: p.accounts,
    nonces: p.nonces,
    perAccount: new RateLimiter(limits.perAccount, world),
    registrations: new RateLimiter(limits.registrationsPerRemote, world),
    world,
  });
  const api = createApi();
  api.onError(replyToError(p.log));
  api.notFound(() => problemReply(centralFaults.fault("unknown-route", "central has nothing at this address")));

  api.use("*", async (c, next) => {
    perRemote.take(remoteOf(c.env.incoming.socket.remoteAddress));
    await next();
    c.header("cache-control", "no-store");
  });
  api.use(
    "*",
    bodyLimit({
      maxSize: limits.bodyBytesMax,
      onError: () => {
        throw centralFaults.fault("body-too-large", `a body has at most ${limits.bodyBytesMax} bytes`);
      },
    }),
  );
  api.openapi(routes["GET /v1/time"], (c) => c.json({ timeMs: world.nowMs() }, 200));
  mountAccounts(api, p.accounts, calls);

  api.use("*", calls.signedCall);
  mountNetworks(api, p.networks);
  mountProposals(api, p.proposals);
  mountAddresses(api, p.addresses);
  return api;
}
