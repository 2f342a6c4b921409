import type { IncomingMessage, ServerResponse } from "node:http";
import type { Problem } from "@piccolo/device-api";
import { type Fault, isFault } from "@piccolo/fault";
import { errorFacts, type Log } from "../adapters/log.ts";
import { diskFullOf } from "../room/disk-full.ts";
import { httpFaults } from "./faults.ts";

/** The one place that gives codes their HTTP status; what is not listed is a refusal of a well-formed request. */
const refused = 422;
const statusByCode: Readonly<Record<string, number>> = {
  "invalid-request": 400,
  malformed: 400,
  "invalid-cursor": 400,
  "invalid-upload": 400,
  "invalid-name": 400,
  "name-refused": 400,
  "sign-in-required": 401,
  "wrong-password": 401,
  "wrong-claim-code": 403,
  "not-the-device-name": 400,
  "phrase-misspelt": 400,
  "phrase-length": 400,
  "phrase-checksum": 400,
  "phrase-unknown": 403,
  "phrase-not-confirmed": 409,
  "no-phrase-waiting": 409,
  "nothing-to-open": 409,
  "volume-swapped": 409,
  "start-not-trusted": 403,
  "record-was-older": 409,
  "not-replaced": 409,
  "place-refused": 400,
  "recovery-running": 409,
  "device-key-used": 409,
  "keys-changed": 409,
  "rekey-running": 409,
  "too-many-rekeys": 409,
  "nothing-to-accept": 409,
  "no-members-reachable": 503,
  "network-unknown": 503,
  "members-disagree": 503,
  "recovery-stale": 503,
  "volume-busy": 503,
  "volume-unavailable": 503,
  "tpm-missing": 503,
  "tpm-failed": 503,
  "tpm-timeout": 503,
  "tpm-lockout": 503,
  "tpm-other-chip": 503,
  "tpm-policy": 503,
  "tpm-superseded": 503,
  "tpm-nv-missing": 503,
  "tpm-nv-defined": 503,
  "tpm-window-closed": 503,
  "release-too-old": 503,
  csrf: 403,
  "unknown-route": 404,
  "not-found": 404,
  "upload-not-found": 404,
  "version-unknown": 404,
  "task-not-found": 404,
  "method-not-allowed": 405,
  "already-claimed": 409,
  "not-claimed": 409,
  "name-taken": 409,
  "not-a-folder": 409,
  "not-a-file": 409,
  "folder-into-itself": 409,
  "too-deep": 409,
  "in-trash": 409,
  "not-in-trash": 409,
  "version-is-current": 409,
  "upload-offset-differs": 409,
  "upload-bytes-differ": 409,
  "version-incomplete": 409,
  "idempotency-in-progress": 409,
  "not-cancellable": 409,
  "in-network": 409,
  "unknown-invitation": 404,
  "no-invitation": 409,
  "join-crowded": 503,
  "not-left": 503,
  "no-network": 409,
  "task-running": 409,
  "tus-version": 412,
  "length-required": 411,
  "body-too-large": 413,
  "upload-too-long": 413,
  "upload-too-large": 413,
  "unsupported-media-type": 415,
  "range-not-satisfiable": 416,
  "wrong-host": 421,
  "app-not-found": 404,
  "app-exists": 409,
  "app-name-reserved": 409,
  "app-not-running": 502,
  "app-overloaded": 503,
  "app-name-taken": 409,
  "app-busy": 409,
  "app-removed": 409,
  "app-not-installed": 409,
  "no-rollback": 409,
  "snapshot-not-found": 404,
  "app-backup-not-found": 404,
  "app-changing": 409,
  "catalog-app-not-found": 404,
  "catalog-not-found": 404,
  "catalog-built-in": 409,
  "catalog-known": 409,
  "catalog-forked": 409,
  "catalog-older": 409,
  "catalog-unreachable": 502,
  "catalog-too-large": 422,
  "catalog-signature": 422,
  "catalog-malformed": 422,
  "too-many-catalogs": 507,
  "digest-unverified": 409,
  "wrong-architecture": 409,
  "needs-newer-os": 409,
  "apps-stopping": 503,
  "no-room": 507,
  "room-promised": 507,
  "too-many-apps": 507,
  "runtime-missing": 501,
  "runtime-too-old": 501,
  "runtime-unavailable": 503,
  "runtime-failed": 502,
  "firewall-failed": 503,
  "app-storage-failed": 503,
  "app-data-damaged": 503,
  "step-failed": 503,
  "upload-busy": 423,
  "version-busy": 423,
  "too-many-attempts": 429,
  "too-many-uploads": 429,
  "too-many-streams": 429,
  internal: 500,
  "disk-error": 500,
  "spool-damaged": 500,
  "not-enough-fragments": 503,
  locked: 423,
  "backup-checking": 503,
  "backup-forked": 503,
  "device-replaced": 503,
  closed: 423,
  "peer-unreachable": 503,
  "central-unreachable": 503,
  stopping: 503,
  "spool-full": 507,
  "too-few-holders": 507,
  "disk-full": 507,
};

function titleOf(code: string): string {
  return `${code.charAt(0).toUpperCase()}${code.slice(1).replaceAll("-", " ")}`;
}

/** As a message of a fault is shown to a person. */
export function sentence(text: string): string {
  const first = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

export interface ProblemReply {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;
}

export function problemOf(fault: Fault): ProblemReply {
  const status = statusByCode[fault.code] ?? refused;
  const { retryAfterMs } = fault.details;
  return {
    problem: {
      type: "about:blank",
      title: titleOf(fault.code),
      status,
      code: fault.code,
      detail: sentence(fault.message),
      retry: fault.retry === "later",
      ...(Object.keys(fault.details).length === 0 ? {} : { details: { ...fault.details } }),
    },
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      ...(typeof retryAfterMs === "number" ? { "retry-after": String(Math.ceil(retryAfterMs / 1000)) } : {}),
    },
  };
}

/** Any error as a fault: what is none is a bug, which the log explains and the caller only hears of. */
export function faultOf(error: unknown, log: Log): Fault {
  if (isFault(error)) return error;
  const full = diskFullOf(error);
  if (full !== undefined) return full;
  log.error("request-failed", errorFacts(error));
  return httpFaults.fault(
    "internal",
    "the device met a bug; try again, restart the device if it happens again, and report it if it goes on",
  );
}

const drainBytesMax = 8 * 1024 * 1024;
const drainMs = 3_000;

/**
 * Answers a request on the plain server. A body that was not read is taken in for a moment, because a client that is
 * still sending would not see an answer followed by a reset.
 */
export function sendProblem(req: IncomingMessage, res: ServerResponse, error: unknown, log: Log): void {
  if (req.destroyed && !req.complete) return;
  const { problem, headers } = problemOf(faultOf(error, log));
  if (res.headersSent) {
    // The status is out, so the only honest way left to say that the body ends early is to break the connection.
    res.destroy();
    return;
  }
  const unread = !req.complete;
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  if (unread) res.setHeader("connection", "close");
  const body = JSON.stringify(problem);
  res.writeHead(problem.status, { "content-length": Buffer.byteLength(body) });
  res.end(req.method === "HEAD" ? undefined : body);
  if (!unread) return;
  let drained = 0;
  const timer = setTimeout(() => req.destroy(), drainMs);
  req.on("data", (bytes: Buffer) => {
    drained += bytes.length;
    if (drained > drainBytesMax) req.destroy();
  });
  req.on("close", () => clearTimeout(timer));
  req.on("error", () => undefined);
  req.resume();
}
