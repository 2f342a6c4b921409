import { createHash, createHmac } from "node:crypto";
import { toBase64Url, toHex } from "@piccolo/bytes";
import type { World } from "@piccolo/world";
import type { SessionStore } from "./store.ts";
import { type OpenedSession, type SessionInfo, sessionLifetimeMs } from "./types.ts";

/** A session's end is moved at most this often, so that not every request writes. */
const extendAfterMs = 3_600_000;

const hashOf = (token: string): Uint8Array => new Uint8Array(createHash("sha256").update(token).digest());
// Derived from the token, so that a page that cannot read the cookie can be handed it and nobody else can make it.
const csrfOf = (token: string): string => toBase64Url(createHmac("sha256", token).update("piccolo csrf").digest());

/** Sessions live 30 days after their last use. Only hashes of their tokens are kept. */
export class Sessions {
  readonly #store: SessionStore;
  readonly #world: World;
  readonly #ended = new Set<(tokenHash: string) => void>();

  constructor(store: SessionStore, world: World) {
    this.#store = store;
    this.#world = world;
  }

  open(): OpenedSession {
    const token = toBase64Url(this.#world.randomBytes(32));
    const nowMs = this.#world.nowMs();
    const session = { token, tokenHash: hashOf(token), csrf: csrfOf(token), expiresAtMs: nowMs + sessionLifetimeMs };
    for (const ended of this.#store.insert(session.tokenHash, nowMs, session.expiresAtMs)) this.#tell(ended);
    return session;
  }

  /** The session of a cookie's token; `extended` says that the cookie has to be set again. */
  find(token: string): { readonly session: SessionInfo; readonly extended: boolean } | undefined {
    const tokenHash = hashOf(token);
    const row = this.#store.get(tokenHash);
    if (row === undefined) return undefined;
    const nowMs = this.#world.nowMs();
    if (row.expires_at_ms <= nowMs) {
      this.end(tokenHash);
      return undefined;
    }
    const lifeLeftMs = row.expires_at_ms - nowMs;
    // More than a whole life left means that it was opened under a clock far ahead: it lives no longer for that.
    const extended = lifeLeftMs < sessionLifetimeMs - extendAfterMs || lifeLeftMs > sessionLifetimeMs;
    const expiresAtMs = extended ? nowMs + sessionLifetimeMs : row.expires_at_ms;
    if (extended) this.#store.extend(tokenHash, expiresAtMs);
    return { session: { tokenHash, csrf: csrfOf(token), expiresAtMs }, extended };
  }

  /** For a cookie of an app's host, which names the session without its token; no use of the session is kept. */
  findByHash(tokenHash: Uint8Array): Pick<SessionInfo, "tokenHash" | "expiresAtMs"> | undefined {
    const row = this.#store.get(tokenHash);
    if (row === undefined || row.expires_at_ms <= this.#world.nowMs()) return undefined;
    return { tokenHash, expiresAtMs: row.expires_at_ms };
  }

  end(tokenHash: Uint8Array): void {
    this.#store.delete(tokenHash);
    this.#tell(tokenHash);
  }

  endOthers(tokenHash: Uint8Array): void {
    for (const other of this.#store.deleteOthers(tokenHash)) this.#tell(other);
  }

  /** Those of an owner who is none any more, or never became one. */
  endAll(): void {
    this.endOthers(new Uint8Array(0));
  }

  /** Called with the hex hash of each session that ends, so that its open streams end too. */
  onEnd(listener: (tokenHash: string) => void): void {
    this.#ended.add(listener);
  }

  #tell(tokenHash: Uint8Array): void {
    for (const listener of this.#ended) listener(toHex(tokenHash));
  }
}
