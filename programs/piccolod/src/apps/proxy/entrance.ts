import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Duplex } from "node:stream";
import { equalConstantTime, fromBase64Url, toBase64Url, toHex, toUtf8 } from "@piccolo/bytes";
import type { World } from "@piccolo/world";
import { type SessionInfo, sessionLifetimeMs } from "../../auth/types.ts";

const ticketMs = 60_000;
const ticketsMax = 1_000;
const hashBytes = 32;

/** The portal's session a visitor has. */
export type Visitor = Pick<SessionInfo, "tokenHash" | "expiresAtMs">;

interface Ticket {
  readonly app: string;
  readonly session: Visitor;
  readonly untilMs: number;
}

/** What goes on for a session, and ends with it. */
export interface Cuttable {
  cut(): void;
}

/** A session as visits of apps know it. */
export interface AppSession {
  readonly tokenHash: Uint8Array;
  expiresAtMs: number;
  isEnded: boolean;
  /** Visits and tunnels under way. */
  readonly open: Set<Cuttable>;
}

export interface EntranceOptions {
  readonly world: World;
  readonly deviceName: string;
  /** Whether apps are reached over HTTPS. */
  readonly isSecure: boolean;
  readonly key: () => Uint8Array;
  /** The session of that hash, as long as it lasts. */
  readonly session: (tokenHash: Uint8Array) => Visitor | undefined;
  /** Tells the listener the hex hash of each session that ends. */
  readonly onSessionEnd: (listener: (tokenHash: string) => void) => void;
}

/** What one connection showed last: the same words need not be checked again. */
interface Shown {
  readonly app: string;
  readonly cookies: Buffer;
  readonly session: AppSession;
}

/**
 * How a signed-in person gets from the portal's host to an app's: a ticket that is good once and for a minute, which the
 * app's host changes for a cookie of its own. The cookie names the portal's session without being any use to the portal,
 * and ends with it.
 */
export class Entrance {
  readonly #options: EntranceOptions;
  readonly #tickets = new Map<string, Ticket>();
  readonly #sessions = new Map<string, AppSession>();
  readonly #shown = new WeakMap<Duplex, Shown>();
  /** Cookies ignore ports, so devices of one machine need one name each. */
  readonly cookieName: string;

  constructor(options: EntranceOptions) {
    this.#options = options;
    const name = `piccolo_app_${options.deviceName}`;
    // With the prefix a browser takes it over HTTPS alone, and from no other name of the domain.
    this.cookieName = options.isSecure ? `__Host-${name}` : name;
    options.onSessionEnd((tokenHash) => this.#end(tokenHash));
  }

  ticket(app: string, session: Visitor): string {
    const { world } = this.#options;
    const nowMs = world.monotonicMs();
    for (const [key, { untilMs }] of this.#tickets) {
      if (untilMs > nowMs && this.#tickets.size < ticketsMax) break;
      this.#tickets.delete(key);
    }
    const text = toBase64Url(world.randomBytes(hashBytes));
    this.#tickets.set(digestOf(text), { app, session, untilMs: nowMs + ticketMs });
    return text;
  }

  /** The cookie, once; undefined where the ticket is not good at this app, or its session has ended. */
  redeem(text: string, app: string): string | undefined {
    const key = digestOf(text);
    const ticket = this.#tickets.get(key);
    this.#tickets.delete(key);
    if (ticket === undefined || ticket.app !== app || ticket.untilMs <= this.#options.world.monotonicMs()) {
      return undefined;
    }
    const { tokenHash } = ticket.session;
    if (this.#options.session(tokenHash) === undefined) return undefined;
    const value = `${toBase64Url(tokenHash)}.${toBase64Url(this.#sign(app, tokenHash))}`;
    const secure = this.#options.isSecure ? "; Secure" : "";
    return `${this.cookieName}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${sessionLifetimeMs / 1_000}${secure}`;
  }

  /** The session a Cookie header shows at this app. A connection that shows the same again is not asked twice. */
  visitor(cookies: string | undefined, app: string, connection: Duplex): AppSession | undefined {
    if (cookies === undefined) return undefined;
    const shown = this.#shown.get(connection);
    if (shown !== undefined && shown.app === app && this.#isGood(shown.session) && isSame(shown.cookies, cookies)) {
      return shown.session;
    }
    const session = this.#sessionOf(cookies, app);
    if (session !== undefined) this.#shown.set(connection, { app, cookies: Buffer.from(cookies, "latin1"), session });
    return session;
  }

  #isGood({ isEnded, expiresAtMs }: AppSession): boolean {
    return !isEnded && expiresAtMs > this.#options.world.nowMs();
  }

  #sessionOf(cookies: string, app: string): AppSession | undefined {
    for (const part of cookies.split(";")) {
      const [name, value = ""] = part.trim().split("=");
      if (name !== this.cookieName) continue;
      const [, hash = "", signature = ""] = /^([\w-]{43})\.([\w-]{43})$/.exec(value) ?? [];
      if (hash === "") continue;
      const tokenHash = fromBase64Url(hash);
      if (!equalConstantTime(fromBase64Url(signature), this.#sign(app, tokenHash))) continue;
      return this.#known(tokenHash);
    }
    return undefined;
  }

  /** One object for each session that lasts, so that its end is known wherever it is held. */
  #known(tokenHash: Uint8Array): AppSession | undefined {
    const key = toHex(tokenHash);
    const found = this.#options.session(tokenHash);
    const known = this.#sessions.get(key);
    if (found === undefined) {
      this.#end(key);
      return undefined;
    }
    if (known !== undefined) {
      known.expiresAtMs = found.expiresAtMs;
      return known;
    }
    const session: AppSession = { tokenHash, expiresAtMs: found.expiresAtMs, isEnded: false, open: new Set() };
    this.#sessions.set(key, session);
    return session;
  }

  /** What goes on for longer than its session, which nobody has used meanwhile, is cut. */
  endExpired(): void {
    for (const session of this.#sessions.values()) if (!this.#isGood(session)) this.#known(session.tokenHash);
  }

  #end(key: string): void {
    const session = this.#sessions.get(key);
    if (session === undefined) return;
    this.#sessions.delete(key);
    session.isEnded = true;
    for (const one of session.open) one.cut();
  }

  #sign(app: string, tokenHash: Uint8Array): Uint8Array {
    const bytes = createHmac("sha256", this.#options.key())
      .update(toUtf8(`piccolo app cookie\0${app}\0`))
      .update(tokenHash)
      .digest();
    return new Uint8Array(bytes);
  }
}

/** In constant time: the connection may be one that several people's requests come over. */
function isSame(kept: Buffer, shown: string): boolean {
  return kept.length === shown.length && timingSafeEqual(kept, Buffer.from(shown, "latin1"));
}

function digestOf(text: string): string {
  return toHex(new Uint8Array(createHash("sha256").update(text).digest()));
}
