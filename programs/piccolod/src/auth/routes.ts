import { type Clock, routes, type Session, type Status } from "@piccolo/device-api";
import type { World } from "@piccolo/world";
import type { Api, ApiContext } from "../http/api.ts";
import type { Door } from "../http/door.ts";
import type { Keyring } from "../security/keyring.ts";
import { answerPhraseFaults } from "../security/phrase-answer.ts";
import type { Auth } from "./auth.ts";
import { authFaults, type SessionInfo } from "./types.ts";

export interface AuthRouteOptions {
  readonly auth: Auth;
  readonly keyring: Keyring;
  readonly door: Door;
  readonly world: World;
  readonly deviceName: string;
  readonly version: string;
  readonly insecure: readonly string[];
  readonly clock: () => Clock;
  readonly reasons: () => Status["reasons"];
}

/** The caller's session; the door has made sure that there is one. */
export function sessionOf(c: ApiContext): SessionInfo {
  const { session } = c.env.caller;
  if (session === undefined) throw authFaults.fault("sign-in-required", "sign in, then do it again");
  return session;
}

export function sessionView(auth: Auth, deviceName: string, { csrf, expiresAtMs }: SessionInfo): Session {
  return {
    csrf,
    expiresAtMs,
    deviceName,
    ownerName: auth.owner?.name ?? "",
    phraseConfirmed: auth.owner?.phraseConfirmed ?? false,
  };
}

export function mountAuth(api: Api, options: AuthRouteOptions): void {
  const { auth, keyring, door, world, deviceName } = options;
  const view = (session: SessionInfo): Session => sessionView(auth, deviceName, session);
  const phase = (): Status["phase"] => {
    if (auth.owner === undefined) return "unclaimed";
    return keyring.unlocked ? "ready" : "locked";
  };

  api.openapi(routes["GET /status"], (c) => {
    const status: Status = {
      phase: phase(),
      reasons: [...options.reasons()],
      opensWith: [],
      resets: false,
      deviceName,
      version: options.version,
      signedIn: c.env.caller.session !== undefined,
      insecure: [...options.insecure],
      clock: options.clock(),
      serverTimeMs: world.nowMs(),
    };
    return c.json(status, 200);
  });

  api.openapi(routes["POST /claim"], async (c) => {
    const { session, phrase } = await auth.claim(c.env.caller, c.req.valid("json"));
    c.header("set-cookie", door.cookieOf(session.token));
    const { words, askedBack, expiresAtMs } = phrase;
    return c.json({ ...view(session), phrase: { words: [...words], askedBack: [...askedBack], expiresAtMs } }, 201);
  });

  const signIn = async (c: ApiContext, password: string): Promise<Session> => {
    const session = await auth.signIn(c.env.caller, password);
    c.header("set-cookie", door.cookieOf(session.token));
    return view(session);
  };
  api.openapi(routes["POST /session"], async (c) => c.json(await signIn(c, c.req.valid("json").password), 201));
  api.openapi(routes["POST /unlock"], async (c) => {
    const session = await auth.unlock(c.env.caller, c.req.valid("json").password);
    if ("token" in session) c.header("set-cookie", door.cookieOf(session.token));
    return c.json(view(session), 201);
  });

  api.openapi(routes["POST /reset-login"], (c) => {
    const given = c.req.valid("json");
    return answerPhraseFaults(given.phrase, async () => {
      const session = await auth.resetLogin(c.env.caller, given);
      c.header("set-cookie", door.cookieOf(session.token));
      return c.json(view(session), 201);
    });
  });

  api.openapi(routes["POST /lock"], (c) => {
    keyring.lock();
    return c.body(null, 204);
  });

  api.openapi(routes["GET /session"], (c) => c.json(view(sessionOf(c)), 200));

  api.openapi(routes["DELETE /session"], (c) => {
    auth.signOut(sessionOf(c));
    c.header("set-cookie", door.endedCookie);
    return c.body(null, 204);
  });

  api.openapi(routes["POST /session/password"], async (c) => {
    await auth.changePassword(c.env.caller, sessionOf(c), c.req.valid("json"));
    return c.body(null, 204);
  });
}
