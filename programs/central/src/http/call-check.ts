import { toHex } from "@piccolo/bytes";
import {
  type CallCredentials,
  callToleranceMs,
  centralFaults,
  decodeCredentials,
  verifyCall,
} from "@piccolo/central-api";
import type { World } from "@piccolo/world";
import type { MiddlewareHandler } from "hono";
import type { Accounts } from "../accounts/accounts.ts";
import { deviceReplaced } from "../accounts/decide.ts";
import type { Account } from "../accounts/types.ts";
import type { ApiContext, ApiEnvironment } from "./api.ts";
import type { Nonces } from "./nonces.ts";
import type { RateLimiter } from "./rate-limit.ts";

const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Whether a call is by whom it says, fresh, and not one too many. */
export class CallCheck {
  readonly #accounts: Accounts;
  readonly #nonces: Nonces;
  readonly #perAccount: RateLimiter;
  readonly #registrations: RateLimiter;
  readonly #world: World;

  constructor(p: {
    readonly accounts: Accounts;
    readonly nonces: Nonces;
    readonly perAccount: RateLimiter;
    readonly registrations: RateLimiter;
    readonly world: World;
  }) {
    this.#accounts = p.accounts;
    this.#nonces = p.nonces;
    this.#perAccount = p.perAccount;
    this.#registrations = p.registrations;
    this.#world = p.world;
  }

  /** For every call of a registered account; makes its caller known to the route. */
  readonly signedCall: MiddlewareHandler<ApiEnvironment> = async (c, next) => {
    const credentials = this.#credentials(c);
    const account = this.#account(credentials);
    const { ownerPublicKey, device } = account;
    await this.#check(c, credentials, [ownerPublicKey, device.deviceKey], account);
    const { deviceKey, deviceEpoch } = device;
    const isOwner = equal(credentials.publicKey, ownerPublicKey);
    c.set("caller", { account: account.account, deviceKey, deviceEpoch, isOwner });
    await next();
  };

  /**
   * Whether the head of a call names a key that speaks for a registered account, or did: all that can be told before the
   * body has come, which the signature covers.
   */
  expectBody(c: ApiContext): void {
    const credentials = this.#credentials(c);
    const { ownerPublicKey, device } = this.#account(credentials);
    if (![ownerPublicKey, device.deviceKey].some((key) => equal(key, credentials.publicKey))) {
      this.#refuseStranger(credentials);
    }
  }

  #account({ account }: CallCredentials): Account {
    const found = this.#accounts.find(account);
    if (found !== undefined) return found;
    throw centralFaults.fault("unknown-account", "central does not know this account: register it first");
  }

  /** A key that never spoke for an account. */
  #refuseStranger(credentials: CallCredentials): void {
    if (this.#accounts.formerKey(credentials.publicKey) === undefined) {
      throw this.#refuseKey(credentials, undefined, false);
    }
  }

  /** For the registration itself, by a key that it brings. What it claims must have been checked. */
  async checkRegistration(c: ApiContext, account: Uint8Array, keys: readonly Uint8Array[]): Promise<void> {
    this.#registrations.take(c.get("remote"));
    const credentials = this.#credentials(c);
    if (!equal(credentials.account, account)) {
      throw centralFaults.fault("account-mismatch", "an account is registered by itself");
    }
    await this.#check(c, credentials, keys);
  }

  #credentials(c: ApiContext): CallCredentials {
    const credentials = decodeCredentials(c.req.header("authorization"));
    const centralTimeMs = this.#world.nowMs();
    const aheadMs = credentials.timeMs - centralTimeMs;
    if (Math.abs(aheadMs) > callToleranceMs) {
      const minutes = Math.round(Math.abs(aheadMs) / 60_000);
      throw centralFaults.fault(
        "clock-wrong",
        `the caller's clock is ${minutes} minutes ${aheadMs > 0 ? "ahead" : "behind"}: correct it`,
        { details: { centralTimeMs, aheadMs } },
      );
    }
    return credentials;
  }

  /** A key that spoke for the account once is told so, but only to who has it: `known` is what speaks for it now. */
  #refuseKey(credentials: CallCredentials, known: Account | undefined, isSigned: boolean): Error {
    const former = isSigned && known !== undefined ? this.#accounts.formerKey(credentials.publicKey) : undefined;
    if (former === undefined || known === undefined || !equal(former.account, credentials.account)) {
      return centralFaults.fault("key-not-registered", "the key is not this account's: it was never registered");
    }
    if (former.kind === "device") return deviceReplaced(known, former.replacedMs);
    return centralFaults.fault("owner-key-rotated", "the account has a newer owner key: sign with it", {
      details: { keyEpoch: known.keyEpoch, rotatedAtMs: former.replacedMs },
    });
  }

  async #check(
    c: ApiContext,
    credentials: CallCredentials,
    keys: readonly Uint8Array[],
    known?: Account,
  ): Promise<void> {
    const { account, publicKey, nonce, timeMs } = credentials;
    const isKnown = keys.some((key) => equal(key, publicKey));
    // Before the body is read, so that a stranger's bytes are not taken in.
    if (!isKnown) this.#refuseStranger(credentials);
    const url = new URL(c.req.url);
    const parts = {
      method: c.req.method,
      host: url.host,
      target: url.pathname + url.search,
      body: new Uint8Array(await c.req.arrayBuffer()),
    };
    const isSigned = verifyCall(parts, credentials);
    if (!isKnown) throw this.#refuseKey(credentials, known, isSigned);
    if (!isSigned) {
      throw centralFaults.fault(
        "call-signature",
        "the signature does not fit the call: it was changed on its way, or is meant for another server",
      );
    }
    // Neither does whoever replays calls use up the account's share, nor does a call over its share fill the disk.
    const replayed = (): Error => centralFaults.fault("call-replayed", "this very call came before");
    if (this.#nonces.isTaken(account, nonce)) throw replayed();
    this.#perAccount.take(toHex(account));
    if (!this.#nonces.claim(account, nonce, timeMs, this.#world.nowMs())) throw replayed();
  }
}
