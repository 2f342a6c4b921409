import { createHash } from "node:crypto";
import { equalConstantTime, toUtf8 } from "@piccolo/bytes";
import { firstEpoch, newRootSecret } from "@piccolo/envelope";
import { parseName } from "@piccolo/membership";
import type { World } from "@piccolo/world";
import { makePasswordCheck, passwordFits } from "./password.ts";
import type { Sessions } from "./sessions.ts";
import type { Throttle } from "./throttle.ts";
import { authFaults, type OpenedSession, type SessionInfo } from "./types.ts";
import type { Owner, OwnerVault } from "./vault.ts";

export interface AuthOptions {
  readonly vault: OwnerVault;
  readonly sessions: Sessions;
  readonly throttle: Throttle;
  readonly world: World;
  /** The one-time code that proves a claimer has seen the device; undefined = the device cannot be claimed. */
  readonly claimCode: () => string | undefined;
  /** Called once the vault has the new owner, before the claim is answered. */
  readonly claimed: (owner: Owner) => Promise<void>;
}

/** Who may use the device: the claim, signing in, the password. */
export class Auth {
  readonly #options: AuthOptions;
  #owner: Owner | undefined;
  #claiming = false;

  constructor(options: AuthOptions) {
    this.#options = options;
    this.#owner = options.vault.read();
  }

  get owner(): Owner | undefined {
    return this.#owner;
  }

  /** Makes the caller the owner. Throws `already-claimed`, `wrong-claim-code`, `too-many-attempts`, `name-refused`. */
  async claim(
    remote: string,
    claim: { readonly claimCode: string; readonly ownerName: string; readonly password: string },
  ): Promise<OpenedSession> {
    const { vault, sessions, throttle, world, claimCode, claimed } = this.#options;
    if (this.#owner !== undefined || this.#claiming) {
      throw authFaults.fault("already-claimed", "this device has an owner already; sign in instead");
    }
    throttle.attempt(remote);
    const expected = claimCode();
    if (expected === undefined || expected === "" || !sameText(claim.claimCode.trim(), expected)) {
      throw authFaults.fault("wrong-claim-code", "this is not the device's claim code; read it again, then try again");
    }
    throttle.succeeded(remote);
    const name = parseName(claim.ownerName);
    this.#claiming = true;
    try {
      const password = await makePasswordCheck(claim.password, world);
      const owner: Owner = { name, epoch: firstEpoch, rootSecret: newRootSecret(world), password };
      vault.write(owner);
      this.#owner = owner;
      await claimed(owner);
      return sessions.open();
    } finally {
      this.#claiming = false;
    }
  }

  /** Throws `not-claimed`, `wrong-password`, `too-many-attempts`. */
  async signIn(remote: string, password: string): Promise<OpenedSession> {
    await this.#checkPassword(remote, password);
    return this.#options.sessions.open();
  }

  signOut(session: SessionInfo): void {
    this.#options.sessions.end(session.tokenHash);
  }

  /** Ends all other sessions. Throws `wrong-password`, `too-many-attempts`. */
  async changePassword(
    remote: string,
    session: SessionInfo,
    change: { readonly oldPassword: string; readonly newPassword: string },
  ): Promise<void> {
    const owner = await this.#checkPassword(remote, change.oldPassword);
    const password = await makePasswordCheck(change.newPassword, this.#options.world);
    this.#owner = { ...owner, password };
    this.#options.vault.write(this.#owner);
    this.#options.sessions.endOthers(session.tokenHash);
  }

  async #checkPassword(remote: string, password: string): Promise<Owner> {
    const owner = this.#owner;
    if (owner === undefined) throw authFaults.fault("not-claimed", "this device has no owner yet; set it up first");
    this.#options.throttle.attempt(remote);
    if (!(await passwordFits(password, owner.password))) {
      throw authFaults.fault("wrong-password", "the password is wrong; try again");
    }
    this.#options.throttle.succeeded(remote);
    return owner;
  }
}

/** Hashes first, so that not even the length shows in the time it takes. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string): Uint8Array => createHash("sha256").update(toUtf8(text)).digest();
  return equalConstantTime(digest(a), digest(b));
}
