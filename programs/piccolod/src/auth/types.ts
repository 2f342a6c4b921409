import { catalogue } from "@piccolo/fault";

export const authFaults = catalogue({
  "sign-in-required": { retry: "never", meaning: "The request needs a session; sign in, then do it again." },
  "wrong-claim-code": {
    retry: "never",
    meaning: "The claim code is not the device's; read it again where it is shown.",
  },
  "already-claimed": { retry: "never", meaning: "The device has an owner; sign in instead." },
  "not-claimed": { retry: "never", meaning: "The device has no owner yet; set it up first." },
  "too-many-attempts": { retry: "later", meaning: "Too many failed attempts; wait as long as retry-after says." },
});

/** Who asks, as the cookie shows. */
export interface SessionInfo {
  /** SHA-256 of the cookie's token: names the session without giving it away. */
  readonly tokenHash: Uint8Array;
  /** What mutations have to send along. */
  readonly csrf: string;
  readonly expiresAtMs: number;
}

/** Who tries a password, a phrase or a claim code: where from, and the session that is alive there. */
export interface Attempter {
  readonly remote: string;
  readonly session: SessionInfo | undefined;
}

/** A session with what only its cookie may carry. */
export interface OpenedSession extends SessionInfo {
  readonly token: string;
}

export const sessionLifetimeMs = 30 * 24 * 3_600_000;
