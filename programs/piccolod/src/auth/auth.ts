import type { OpenedRoot } from "@piccolo/envelope";
import { parseName } from "@piccolo/membership";
import type { Identity } from "../security/identity.ts";
import type { Keyring } from "../security/keyring.ts";
import type { OwnerSecurity } from "../security/owner-security.ts";
import type { ShownPhrase } from "../security/phrase-making.ts";
import type { ClaimCode } from "./claim-code.ts";
import type { Sessions } from "./sessions.ts";
import type { Throttle } from "./throttle.ts";
import { type Attempter, authFaults, type OpenedSession, type SessionInfo } from "./types.ts";

export interface AuthOptions {
  readonly security: OwnerSecurity;
  readonly keyring: Keyring;
  readonly sessions: Sessions;
  readonly throttle: Throttle;
  /** The one-time code that proves a claimer has seen the device. */
  readonly claimCode: ClaimCode;
  /** Called once the device has its new owner, before the claim is answered. */
  readonly claimed: (identity: Identity) => Promise<void>;
  /** Whether a recovery is making an owner. */
  readonly recovering: () => boolean;
  /** Throws `start-not-trusted` where nobody should type a phrase into this device. */
  readonly checkStart: () => Promise<void>;
}

/** Who may use the device: the claim, signing in, the password. */
export class Auth {
  readonly #options: AuthOptions;
  #claiming = false;

  constructor(options: AuthOptions) {
    this.#options = options;
  }

  get owner(): Identity | undefined {
    return this.#options.security.identity;
  }

  /** Makes the caller the owner. Throws `already-claimed`, `wrong-claim-code`, `too-many-attempts`, `name-refused`. */
  async claim(
    attempter: Attempter,
    claim: { readonly claimCode: string; readonly ownerName: string; readonly password: string },
  ): Promise<{ readonly session: OpenedSession; readonly phrase: ShownPhrase }> {
    const { security, sessions, claimed } = this.#options;
    this.checkClaimCode(attempter, claim.claimCode);
    const name = parseName(claim.ownerName);
    this.#claiming = true;
    try {
      return await security.alone(async () => {
        const phrase = await security.claim(name, claim.password);
        if (security.identity !== undefined) await claimed(security.identity);
        sessions.endAll();
        return { session: sessions.open(), phrase };
      });
    } finally {
      this.#claiming = false;
    }
  }

  /** For what only a device without an owner does. Throws `already-claimed`, `wrong-claim-code`, `too-many-attempts`. */
  checkClaimCode(attempter: Attempter, given: string): void {
    this.checkUnclaimed();
    checkClaimCode(this.#options, attempter, given);
  }

  /** Throws `already-claimed`, also while somebody is becoming the owner. */
  checkUnclaimed(): void {
    if (this.owner === undefined && !this.#claiming && !this.#options.recovering()) return;
    throw authFaults.fault("already-claimed", "this device has an owner already; sign in instead");
  }

  /** Unlocks and signs in. Throws `not-claimed`, `wrong-password`, `too-many-attempts`. */
  async signIn(attempter: Attempter, password: string): Promise<OpenedSession> {
    const { keyring, sessions } = this.#options;
    await this.withRoot(attempter, password, async (root) => keyring.hold(root));
    return sessions.open();
  }

  /**
   * Unlocks. A session of the caller's that is alive goes on: its other pages have its token, and a new cookie would take their place
   * from them. Throws as `signIn` does.
   */
  async unlock(attempter: Attempter, password: string): Promise<SessionInfo | OpenedSession> {
    const { keyring, sessions } = this.#options;
    await this.withRoot(attempter, password, async (root) => keyring.hold(root));
    const { session } = attempter;
    // It may have ended while the password was looked at.
    return session !== undefined && sessions.findByHash(session.tokenHash) !== undefined ? session : sessions.open();
  }

  /** A session for whom the phrase has shown to be the owner. */
  signInByPhrase(): OpenedSession {
    return this.#options.sessions.open();
  }

  signOut(session: SessionInfo): void {
    this.#options.sessions.end(session.tokenHash);
  }

  /** Ends all other sessions, also where the change fails after the old password was right. Throws `wrong-password`, `too-many-attempts`. */
  async changePassword(
    attempter: Attempter,
    session: SessionInfo,
    change: { readonly oldPassword: string; readonly newPassword: string },
  ): Promise<void> {
    const { security, sessions } = this.#options;
    await this.withRoot(attempter, change.oldPassword, async (root) => {
      // Whom the change is to shut out is out before it: whatever fails or is cut off after the new password is durable changes that no more.
      sessions.endOthers(session.tokenHash);
      try {
        await security.changePassword(root, change.newPassword);
      } finally {
        // Who had signed in with the old password just before may have got a session since.
        sessions.endOthers(session.tokenHash);
      }
    });
  }

  /**
   * Reset login by who has forgotten the password: the device takes the new one alone, and all sessions end, as who has the old
   * password may have made them. Throws `not-claimed`, `start-not-trusted`, `phrase-unknown`, `volume-swapped`, what `parsePhrase` says,
   * `too-many-attempts`.
   */
  async resetLogin(
    attempter: Attempter,
    reset: { readonly phrase: string; readonly newPassword: string },
  ): Promise<OpenedSession> {
    const { security, keyring, sessions, throttle } = this.#options;
    this.#checkClaimed();
    throttle.attempt(attempter);
    await this.#options.checkStart();
    return security.alone(async () => {
      const root = keyring.openRootByPhrase(reset.phrase);
      throttle.succeeded(attempter);
      sessions.endAll();
      try {
        await security.changePassword(root, reset.newPassword);
        keyring.hold(root);
      } finally {
        root.erase();
        // As for a change of the password.
        sessions.endAll();
      }
      return sessions.open();
    });
  }

  #checkClaimed(): void {
    if (this.#options.keyring.hasOwner) return;
    throw authFaults.fault("not-claimed", "this device has no owner yet; set it up first");
  }

  /** Whoever knows the phrase is the owner. Throws `phrase-unknown`, what `parsePhrase` says, `too-many-attempts`. */
  checkPhrase(attempter: Attempter, text: string): void {
    const { security, throttle } = this.#options;
    throttle.attempt(attempter);
    security.checkPhrase(text);
    throttle.succeeded(attempter);
  }

  /**
   * Lends the root secret to `use`, for as long as it runs, to whoever knows the password; one caller at a time. Throws as
   * `signIn` does.
   */
  async withRoot<T>(attempter: Attempter, password: string, use: (root: OpenedRoot) => Promise<T> | T): Promise<T> {
    const { security, keyring, throttle } = this.#options;
    this.#checkClaimed();
    throttle.attempt(attempter);
    return security.alone(async () => {
      const root = await keyring.openRoot(password);
      throttle.succeeded(attempter);
      try {
        return await use(root);
      } finally {
        root.erase();
      }
    });
  }
}

/** Throws `wrong-claim-code`, `too-many-attempts`. */
export function checkClaimCode(
  { throttle, claimCode }: Pick<AuthOptions, "throttle" | "claimCode">,
  attempter: Attempter,
  given: string,
): void {
  throttle.attempt(attempter);
  if (!claimCode.matches(given)) {
    throw authFaults.fault("wrong-claim-code", "this is not the device's claim code; read it again, then try again");
  }
  throttle.succeeded(attempter);
}
