import { HTTPException } from "hono/http-exception";
import type { Log } from "../adapters/log.ts";
import type { Sessions } from "../auth/sessions.ts";
import { authFaults } from "../auth/types.ts";
import { waitingHeader, type WriteGate } from "../backup/write-gate.ts";
import { type Api, apiPrefix, createApi } from "./api.ts";
import { httpFaults } from "./faults.ts";
import { documentBytesMax } from "@piccolo/app-manifest";
import type { IdempotentReplies } from "./idempotency.ts";
import type { LockGate } from "./lock-gate.ts";
import { faultOf, problemOf } from "./problem.ts";

const jsonBytesMax = 64 * 1024;
/** Where manifests may be in the body. What the checker reads fits in, however it is escaped; it says what is too long. */
const manifestPath = /\/apps(?:\/preflight|\/translate|\/[^/]+\/update)?$/;
const manifestBodyBytesMax = jsonBytesMax + 2 * 6 * documentBytesMax;

function problemReply(error: unknown, log: Log): Response {
  const { problem, headers } = problemOf(faultOf(error, log));
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}

/** The JSON interface, on which the features mount their routes. */
export function createApp(parts: {
  readonly log: Log;
  /** A closed device has nowhere to keep replies. */
  readonly replies?: IdempotentReplies;
  readonly lockGate: LockGate;
  /** Asked again once a body is there; a closed device has no sessions. */
  readonly sessions?: Pick<Sessions, "findByHash">;
  /** A closed device changes nothing. */
  readonly writeGate?: WriteGate;
  /** Why this method is refused, whatever the address; asked before anything of a body is read. */
  readonly refuse?: (method: string) => Error | undefined;
  /** What is said where no route is. */
  readonly unknown?: () => Error;
}): Api {
  const { log, replies, lockGate, sessions, writeGate } = parts;
  const unknown = parts.unknown ?? ((): Error => httpFaults.fault("unknown-route", "there is nothing at this address"));
  const api = createApi();
  api.onError((error) => {
    if (error instanceof HTTPException && error.status < 500) {
      return problemReply(httpFaults.fault("invalid-request", "the body is not the JSON this address takes"), log);
    }
    return problemReply(error, log);
  });
  api.notFound(() => problemReply(unknown(), log));
  api.use("*", async (c, next) => {
    const refusal = parts.refuse?.(c.req.method);
    if (refusal !== undefined) throw refusal;
    await next();
  });
  // Judged by the header, which node:http enforces, so that nothing over the bound is ever read.
  api.use("*", async (c, next) => {
    if (c.req.header("transfer-encoding") !== undefined) {
      throw httpFaults.fault("length-required", "a JSON body needs a content-length");
    }
    const bytesMax = manifestPath.test(c.req.path) ? manifestBodyBytesMax : jsonBytesMax;
    if (Number(c.req.header("content-length") ?? 0) > bytesMax) {
      throw httpFaults.fault("body-too-large", `a JSON body has at most ${bytesMax} bytes`);
    }
    await next();
  });
  api.use("*", async (c, next) => {
    const type = c.req.header("content-type");
    const isJson = type === undefined || /^application\/json\s*(?:;|$)/i.test(type);
    if (!isJson && c.req.method !== "GET" && c.req.method !== "HEAD") {
      throw httpFaults.fault("unsupported-media-type", "the body has to be application/json");
    }
    await next();
  });
  // By the path the routes are found by, before a kept reply could be given again.
  const checkLock = (path: string): void =>
    lockGate.check(path.slice(path.startsWith(apiPrefix) ? apiPrefix.length : 0));
  api.use("*", async (c, next) => {
    checkLock(c.req.path);
    await next();
  });
  if (writeGate !== undefined) {
    // Around kept replies too: what is answered again is held back until it is with the witnesses, like the first time.
    api.use("*", async (c, next) => {
      const path = c.req.path.slice(c.req.path.startsWith(apiPrefix) ? apiPrefix.length : 0);
      if (!writeGate.isChange(c.req.method, path)) return next();
      await writeGate.enter();
      await next();
      if (c.res.ok && !(await writeGate.acknowledge())) c.header(waitingHeader.name, waitingHeader.value);
      return undefined;
    });
  }
  // Bodies trickle and gates are waited at: who was let in before the device was locked, or before the session ended, must
  // not do afterwards what that forbids. From here on nothing waits before the route.
  api.use("*", async (c, next) => {
    await c.req.text().catch((cause: unknown) => {
      throw httpFaults.fault("invalid-request", "the connection ended in the middle of the body", { cause });
    });
    checkLock(c.req.path);
    const { session } = c.env.caller;
    if (session !== undefined && sessions !== undefined && sessions.findByHash(session.tokenHash) === undefined) {
      throw authFaults.fault("sign-in-required", "sign in, then do it again");
    }
    await next();
  });
  if (replies !== undefined) api.use("*", replies.middleware);
  return api;
}
