import type { IncomingMessage, ServerResponse } from "node:http";
import { equalConstantTime, toUtf8 } from "@piccolo/bytes";
import type { Sessions } from "../auth/sessions.ts";
import { authFaults, type OpenedSession, type SessionInfo, sessionLifetimeMs } from "../auth/types.ts";
import { apiPrefix, type Caller } from "./api.ts";
import { httpFaults } from "./faults.ts";
import type { OwnAddress } from "./own-address.ts";

export interface DoorOptions {
  readonly address: OwnAddress;
  readonly deviceName: string;
  readonly sessions: Pick<Sessions, "find">;
  /** `METHOD /path` of what strangers reach; everything else needs a session. */
  readonly isOpen: (call: string) => boolean;
}

const open = new Set([
  "GET /status",
  "HEAD /status",
  "POST /claim",
  "POST /recover",
  "POST /reset-login",
  "POST /session",
  "POST /unlock",
]);
/** The way to an app looks for the session itself: a browser does not send it where another site led here. */
const appEntry = /^GET \/apps\/[a-z0-9-]{1,32}\/enter$/;
/** What strangers reach of a device whose volume is open. Nobody can be signed in before there is an owner. */
export const isOpenToStrangers = (call: string, isClaimed: boolean): boolean =>
  open.has(call) || appEntry.test(call) || (!isClaimed && call === "POST /factory-reset");
/** What changes nothing. */
export const safeMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);
const isMutation = (method: string): boolean => !safeMethods.has(method);

const secureForSeconds = 365 * 86_400;

const securityHeaders: Readonly<Record<string, string>> = {
  // The portal hashes in WebAssembly, and its components set styles; scripts come from its own files alone.
  "content-security-policy":
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; " +
    "img-src 'self' blob: data:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; worker-src 'self' blob:; " +
    "manifest-src 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
};

/** Every check a request passes before a feature sees it. */
export class Door {
  readonly #options: DoorOptions;
  readonly #cookieName: string;

  constructor(options: DoorOptions) {
    this.#options = options;
    // Cookies ignore ports, so devices of one machine need one name each.
    const name = `piccolo_${options.deviceName}`;
    // With the prefix a browser takes it over HTTPS alone, and from no other name of the domain.
    this.#cookieName = options.address.isSecure ? `__Host-${name}` : name;
  }

  /** Sets the headers every reply has, and refuses names that are not the device's: `wrong-host`. */
  enter(req: IncomingMessage, res: ServerResponse): void {
    for (const [name, value] of Object.entries(securityHeaders)) res.setHeader(name, value);
    const { address } = this.#options;
    if (address.isSecure) res.setHeader("strict-transport-security", `max-age=${secureForSeconds}`);
    if (req.headersDistinct["host"]?.length !== 1 || !address.isOwn(req.headers.host, req.socket.localAddress)) {
      throw httpFaults.fault("wrong-host", `this device answers at ${address.origin}/ only`);
    }
    if (req.url?.startsWith("/") !== true) throw httpFaults.fault("invalid-request", "the address is not a path");
  }

  /** For requests below the interface's prefix. Throws `csrf`, `sign-in-required`. */
  admit(req: IncomingMessage, res: ServerResponse, path: string): Caller {
    res.setHeader("cache-control", "no-store");
    const method = req.method ?? "GET";
    const isOpen = this.#options.isOpen(`${method} ${path.slice(apiPrefix.length)}`);
    const session = this.#session(req, res);
    if (isMutation(method) && !this.#options.address.isSameOrigin(req.headers.origin, req.headers.host))
      throw csrfFault();
    if (session === undefined && !isOpen) {
      throw authFaults.fault("sign-in-required", "sign in, then do it again");
    }
    if (isMutation(method)) checkCsrf(req, isOpen ? undefined : session);
    return { remote: req.socket.remoteAddress ?? "", session };
  }

  cookieOf(token: string): string {
    return `${this.#cookieName}=${token}; ${this.#attributes}; Max-Age=${sessionLifetimeMs / 1000}`;
  }

  get endedCookie(): string {
    return `${this.#cookieName}=; ${this.#attributes}; Max-Age=0`;
  }

  get #attributes(): string {
    return `Path=/; HttpOnly; SameSite=Strict${this.#options.address.isSecure ? "; Secure" : ""}`;
  }

  /** The session that a request's cookies name, if it is alive. */
  sessionOf(cookies: string): OpenedSession | undefined {
    return this.#find(cookies)?.session;
  }

  #session(req: IncomingMessage, res: ServerResponse): SessionInfo | undefined {
    const found = this.#find(req.headers.cookie ?? "");
    if (found === undefined) return undefined;
    const { token, ...session } = found.session;
    if (found.extended) res.setHeader("set-cookie", this.cookieOf(token));
    return session;
  }

  #find(cookies: string): { readonly session: OpenedSession; readonly extended: boolean } | undefined {
    for (const part of cookies.split(";")) {
      const [name, token] = part.trim().split("=");
      if (name !== this.#cookieName || token === undefined || !/^[\w-]{43}$/.test(token)) continue;
      const found = this.#options.sessions.find(token);
      return found === undefined ? undefined : { ...found, session: { ...found.session, token } };
    }
    return undefined;
  }
}

function csrfFault(): Error {
  return httpFaults.fault("csrf", "this change does not come from the device's own page; reload the page");
}

/** Without a session there is no token yet; the header alone keeps other sites' forms out. */
function checkCsrf(req: IncomingMessage, session: SessionInfo | undefined): void {
  const sent = req.headers["x-piccolo-csrf"];
  if (typeof sent !== "string") throw csrfFault();
  if (session !== undefined && !equalConstantTime(toUtf8(sent), toUtf8(session.csrf))) throw csrfFault();
}
