import { centralFaults, type Problem } from "@piccolo/central-api";
import { type Fault, isFault } from "@piccolo/fault";
import { HTTPException } from "hono/http-exception";
import type { Log } from "../adapters/log.ts";
import type { ApiContext } from "./api.ts";

/** Codes that are not listed are refusals of a well-formed call by the rules of membership. */
const refusedByRules = 422;
const statusByCode: Readonly<Record<string, number>> = {
  malformed: 400,
  "unsigned-call": 401,
  "call-signature": 401,
  "call-replayed": 401,
  "clock-wrong": 401,
  "unknown-account": 401,
  "key-not-registered": 401,
  "device-replaced": 403,
  "owner-key-rotated": 403,
  "owner-needed": 403,
  "not-a-member": 403,
  "unknown-route": 404,
  "unknown-proposal": 404,
  "unknown-blob": 404,
  "unknown-slot": 404,
  "vault-gap": 409,
  "vault-conflict": 409,
  "slot-refused": 409,
  "challenge-refused": 409,
  "head-moved": 409,
  "membership-gap": 409,
  "membership-forked": 409,
  "device-fenced": 409,
  "device-key-in-use": 409,
  "quota-reached": 409,
  "log-full": 409,
  "membership-full": 409,
  "too-many-changes": 409,
  "too-many-proposals": 409,
  "body-too-large": 413,
  "rate-limited": 429,
  "central-failed": 500,
};

function titleOf(code: string): string {
  return `${code.charAt(0).toUpperCase()}${code.slice(1).replaceAll("-", " ")}`;
}

export function problemReply(fault: Fault): Response {
  const status = statusByCode[fault.code] ?? refusedByRules;
  const problem: Problem = {
    type: "about:blank",
    title: titleOf(fault.code),
    status,
    code: fault.code,
    detail: fault.message,
    retry: fault.retry === "later",
    ...(Object.keys(fault.details).length === 0 ? {} : { details: { ...fault.details } }),
  };
  const headers = new Headers({ "content-type": "application/problem+json", "cache-control": "no-store" });
  if (status === 401) headers.set("www-authenticate", "Piccolo-1");
  const { retryAfterMs } = fault.details;
  if (typeof retryAfterMs === "number") headers.set("retry-after", String(Math.ceil(retryAfterMs / 1000)));
  return new Response(JSON.stringify(problem), { status, headers });
}

/**
 * Every error of a call becomes a problem. One that is no fault is a bug or a full disk: the caller hears that central
 * failed, the log has the stack, and the others are served on, because a transaction leaves nothing half done.
 */
export function replyToError(log: Log): (error: Error, c: ApiContext) => Response {
  return (error) => {
    if (isFault(error)) return problemReply(error);
    if (error instanceof HTTPException && error.status < 500) {
      return problemReply(centralFaults.fault("malformed", "the body is not JSON"));
    }
    log.error("a call failed", error);
    return problemReply(centralFaults.fault("central-failed", "central failed at this call: try again in a while"));
  };
}
