import { type Clock, routes, type Session, type Status } from "@piccolo/device-api";
import type { World } from "@piccolo/world";
import type { Api, ApiContext } from "../http/api.ts";
import type { Door } from "../http/door.ts";
import type { Auth } from "./auth.ts";
import { authFaults, type SessionInfo } from "./types.ts";

export interface AuthRouteOptions {
  readonly auth: Auth;
  readonly door: Door;
  readonly world: World;
  readonly deviceName: string;
  readonly version: string;
  readonly insecure: readonly string[];
  readonly clock: () => Clock;
}

/** The caller's session; the door has made sure that there is one. */
export function sessionOf(c: ApiContext): SessionInfo {
  const { session } = c.env.caller;
  if (session === undefined) throw authFaults.fault("sign-in-required", "sign in, then do it again");
  return session;
}

export function mountAuth(api: Api, options: AuthRouteOptions): void {
  const { auth, door, world, deviceName } = options;
  const view = ({ csrf, expiresAtMs }: SessionInfo): Session => ({
    csrf,
    expiresAtMs,
    deviceName,
    ownerName: auth.owner?.name ?? "",
    phraseConfirmed: false,
  });

  api.openapi(routes["GET /status"], (c) => {
    const status: Status = {
      phase: auth.owner === undefined ? "unclaimed" : "ready",
      reasons: [],
      opensWith: [],
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
    const session = await auth.claim(c.env.caller.remote, c.req.valid("json"));
    c.header("set-cookie", door.cookieOf(session.token));
    return c.json(view(session), 201);
  });

  api.openapi(routes["POST /session"], async (c) => {
    const session = await auth.signIn(c.env.caller.remote, c.req.valid("json").password);
    c.header("set-cookie", door.cookieOf(session.token));
    return c.json(view(session), 201);
  });

  api.openapi(routes["GET /session"], (c) => c.json(view(sessionOf(c)), 200));

  api.openapi(routes["DELETE /session"], (c) => {
    auth.signOut(sessionOf(c));
    c.header("set-cookie", door.endedCookie);
    return c.body(null, 204);
  });

  api.openapi(routes["POST /session/password"], async (c) => {
    await auth.changePassword(c.env.caller.remote, sessionOf(c), c.req.valid("json"));
    return c.body(null, 204);
  });
}
