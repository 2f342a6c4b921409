import { createHmac } from "node:crypto";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { equalConstantTime, toHex } from "@piccolo/bytes";
import type { World } from "@piccolo/world";
import type { MiddlewareHandler } from "hono";
import { transact } from "../db/database.ts";
import { type ApiEnvironment, apiPrefix } from "./api.ts";
import { httpFaults } from "./faults.ts";

const keepMs = 24 * 3_600_000;
const mostPerSession = 500;
const bodyCharactersMax = 64 * 1024;
/** Their replies hold what is shown once and kept nowhere; repeated, they make another. */
const shownOnce: ReadonlySet<string> = new Set(["/claim", "/security/phrase"]);

interface ReplyRow {
  readonly fingerprint: Uint8Array;
  readonly status: number;
  readonly content_type: string;
  readonly body: string;
}

/** As the router sees it. */
const pathOf = (url: string): string => new URL(url).pathname.slice(apiPrefix.length);

/** First replies to mutations, by session and key, so that a repeated request changes nothing a second time. */
export class IdempotentReplies {
  readonly #db: DatabaseSync;
  readonly #world: World;
  readonly #get: StatementSync;
  readonly #insert: StatementSync;
  readonly #deleteOld: StatementSync;
  readonly #deleteMost: StatementSync;
  readonly #running = new Set<string>();

  constructor(db: DatabaseSync, world: World) {
    this.#db = db;
    this.#world = world;
    this.#get = db.prepare("SELECT * FROM idempotent_reply WHERE token_hash = ? AND key = ?");
    this.#insert = db.prepare(
      // A request may have ended its own session, and nobody can ask for its reply again then.
      `INSERT OR IGNORE INTO idempotent_reply
       SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE EXISTS (SELECT 1 FROM session WHERE token_hash = ?1)`,
    );
    this.#deleteOld = db.prepare("DELETE FROM idempotent_reply WHERE created_at_ms < ?");
    this.#deleteMost = db.prepare(
      `DELETE FROM idempotent_reply WHERE token_hash = ?1 AND key IN
       (SELECT key FROM idempotent_reply WHERE token_hash = ?1 ORDER BY created_at_ms DESC LIMIT -1 OFFSET ?2)`,
    );
  }

  /** Runs mutations with an `idempotency-key` once. Throws `idempotency-key-reused`, `idempotency-in-progress`. */
  readonly middleware: MiddlewareHandler<ApiEnvironment> = async (c, next) => {
    const key = c.req.header("idempotency-key");
    const session = c.env.caller.session;
    const isRead = c.req.method === "GET" || c.req.method === "HEAD";
    if (key === undefined || session === undefined || isRead || shownOnce.has(pathOf(c.req.url))) {
      await next();
      return undefined;
    }
    if (!/^[\x21-\x7e]{1,128}$/.test(key)) {
      throw httpFaults.fault("invalid-request", "an idempotency key has 1 to 128 printable characters");
    }
    const { pathname, search } = new URL(c.req.url);
    // Under a key that only the session's holder has: bodies may hold a password, of which no hash is kept here.
    const fingerprint = createHmac("sha256", session.csrf)
      .update(`${c.req.method} ${pathname}${search}\n`)
      .update(await c.req.text())
      .digest();
    const known = this.#get.get(session.tokenHash, key) as unknown as ReplyRow | undefined;
    if (known !== undefined) {
      if (!equalConstantTime(known.fingerprint, fingerprint)) {
        throw httpFaults.fault("idempotency-key-reused", "this idempotency key was used for another request");
      }
      const headers = { "content-type": known.content_type, "idempotent-replay": "true" };
      return new Response(known.body === "" ? null : known.body, { status: known.status, headers });
    }
    const running = `${toHex(session.tokenHash)} ${key}`;
    if (this.#running.has(running)) {
      throw httpFaults.fault("idempotency-in-progress", "the first request with this key still runs; ask again soon");
    }
    this.#running.add(running);
    try {
      await next();
      await this.#keep(session.tokenHash, key, fingerprint, c.res);
    } finally {
      this.#running.delete(running);
    }
    return undefined;
  };

  /** Failures of the device are not kept: the same request may succeed later. */
  async #keep(tokenHash: Uint8Array, key: string, fingerprint: Uint8Array, reply: Response): Promise<void> {
    if (reply.status >= 500 || reply.status === 429) return;
    const body = await reply.clone().text();
    if (body.length > bodyCharactersMax) return;
    const nowMs = this.#world.nowMs();
    const type = reply.headers.get("content-type") ?? "application/json";
    transact(this.#db, () => {
      this.#deleteOld.run(nowMs - keepMs);
      this.#insert.run(tokenHash, key, fingerprint, reply.status, type, body, nowMs);
      this.#deleteMost.run(tokenHash, mostPerSession);
    });
  }
}
