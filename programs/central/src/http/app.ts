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
import { mountRecovery, mountSlots } from "../slots/routes.ts";
import type { Slots } from "../slots/slots.ts";
import { mountVault } from "../vault/routes.ts";
import type { Vault } from "../vault/vault.ts";
import { type Api, createApi } from "./api.ts";
import { CallCheck } from "./call-check.ts";
import type { Nonces } from "./nonces.ts";
import { LargeBodies } from "./large-bodies.ts";
import { problemReply, replyToError } from "./problem.ts";
import { RateLimiter } from "./rate-limit.ts";
import { remoteFinder } from "./remotes.ts";

export interface AppParts {
  readonly accounts: Accounts;
  readonly networks: Networks;
  readonly proposals: Proposals;
  readonly addresses: Addresses;
  readonly vault: Vault;
  readonly slots: Slots;
  readonly nonces: Nonces;
  readonly limits: Limits;
  readonly trustedProxy: string | undefined;
  readonly world: World;
  readonly log: Log;
}

/** The whole HTTP interface. What stands below the signature check is for registered accounts only. */
export function createApp(p: AppParts): Api {
  const { limits, world } = p;
  const remoteOfCall = remoteFinder(p.trustedProxy);
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
    const remote = remoteOfCall(c.env.incoming.socket.remoteAddress, c.req.header("x-forwarded-for"));
    c.set("remote", remote);
    perRemote.take(remote);
    await next();
    c.header("cache-control", "no-store");
  });
  const large = new LargeBodies(limits);
  const bounded = (maxSize: number) =>
    bodyLimit({
      maxSize,
      onError: () => {
        throw centralFaults.fault("body-too-large", `a body has at most ${maxSize} bytes`);
      },
    });
  const [small, wide] = [bounded(limits.bodyBytesMax), bounded(limits.largeBodyBytesMax)];
  api.use("*", (c, next) => {
    if (!LargeBodies.isMeant(c.req.method, c.req.path)) return small(c, next);
    // Else whoever begins a body and never ends it keeps members from bringing theirs.
    calls.expectBody(c);
    return large.within(c.get("remote"), () => wide(c, next));
  });
  api.openapi(routes["GET /v1/time"], (c) => c.json({ timeMs: world.nowMs() }, 200));
  mountAccounts(api, p.accounts, calls);
  mountRecovery(api, p.slots, new RateLimiter(limits.recoveriesPerRemote, world));

  api.use("*", calls.signedCall);
  mountNetworks(api, p.networks);
  mountProposals(api, p.proposals);
  mountAddresses(api, p.addresses);
  mountVault(api, p.vault);
  mountSlots(api, p.slots, p.accounts);
  return api;
}
