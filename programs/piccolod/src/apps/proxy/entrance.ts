import { createHash, createHmac } from "node:crypto";
import { equalConstantTime, fromBase64Url, toBase64Url, toHex, toUtf8 } from "@piccolo/bytes";
import type { World } from "@piccolo/world";
import type { SessionInfo } from "../../auth/types.ts";

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

export interface EntranceOptions {
  readonly world: World;
  readonly deviceName: string;
  readonly key: () => Uint8Array;
  /** The session of that hash, as long as it lasts. */
  readonly session: (tokenHash: Uint8Array) => Visitor | undefined;
}

/**
 * How a signed-in person gets from the portal's host to an app's: a ticket that is good once and for a minute, which the
 * app's host changes for a cookie of its own. The cookie names the portal's session without being any use to the portal,
 * and ends with it.
 */
export class Entrance {
  readonly #options: EntranceOptions;
  readonly #tickets = new Map<string, Ticket>();
  /** Cookies ignore ports, so devices of one machine need one name each. */
  readonly cookieName: string;

  constructor(options: EntranceOptions) {
    this.#options = options;
    this.cookieName = `piccolo_app_${options.deviceName}`;
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

  /** The cookie's value, once; undefined where the ticket is not good at this app. */
  redeem(text: string, app: string): string | undefined {
    const key = digestOf(text);
    const ticket = this.#tickets.get(key);
    this.#tickets.delete(key);
    if (ticket === undefined || ticket.app !== app || ticket.untilMs <= this.#options.world.monotonicMs()) {
      return undefined;
    }
    const { tokenHash } = ticket.session;
    return `${toBase64Url(tokenHash)}.${toBase64Url(this.#sign(app, tokenHash))}`;
  }

  /** The session a Cookie header shows at this app. */
  visitor(cookies: string | undefined, app: string): Visitor | undefined {
    for (const part of (cookies ?? "").split(";")) {
      const [name, value = ""] = part.trim().split("=");
      if (name !== this.cookieName) continue;
      const [, hash = "", signature = ""] = /^([\w-]{43})\.([\w-]{43})$/.exec(value) ?? [];
      if (hash === "") continue;
      const tokenHash = fromBase64Url(hash);
      if (!equalConstantTime(fromBase64Url(signature), this.#sign(app, tokenHash))) continue;
      return this.#options.session(tokenHash);
    }
    return undefined;
  }

  #sign(app: string, tokenHash: Uint8Array): Uint8Array {
    const bytes = createHmac("sha256", this.#options.key())
      .update(toUtf8(`piccolo app cookie\0${app}\0`))
      .update(tokenHash)
      .digest();
    return new Uint8Array(bytes);
  }
}

function digestOf(text: string): string {
  return toHex(new Uint8Array(createHash("sha256").update(text).digest()));
}
