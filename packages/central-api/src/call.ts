import assert from "node:assert/strict";
import { concat, fromUtf8, toUtf8 } from "@piccolo/bytes";
import type { Statement } from "@piccolo/envelope";
import { Fault, isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import { centralFaults } from "./faults.ts";
import { Problem } from "./problem.ts";
import { callNonceBytes, callStatement, encodeCredentials } from "./signed-call.ts";

const replyBytesMax = 8 * 1024 * 1024 + 131_072;
const timeoutMsDefault = 20_000;

/** How central is reached, whoever calls. */
export interface CallTransport {
  /** Central's address as the invitation names it: origin and perhaps a path, no slash at the end. */
  readonly baseUrl: string;
  readonly fetch: (input: string, init: RequestInit) => Promise<Response>;
  readonly world: World;
  /** How long one call may take; 20 s unless told. */
  readonly timeoutMs?: number;
}

/** Whom signed calls are by. */
export interface CallSigner {
  /** 32 bytes. */
  readonly account: Uint8Array;
  /** The key behind `sign`: the owner key or the device key, 32 raw bytes. */
  readonly publicKey: Uint8Array;
  readonly sign: (statement: Statement) => Uint8Array;
}

export type CentralClientOptions = CallTransport & CallSigner;

export interface CallRequest {
  readonly method: string;
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as they are, in place of `body`. */
  readonly bytes?: Uint8Array;
  readonly binaryReply?: boolean;
  readonly signed: boolean;
  /** In place of the transport's. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface CallReply {
  readonly status: number;
  /** Parsed JSON; undefined where the reply has no body or was asked for as bytes. */
  readonly value: unknown;
  /** Empty but for a binary reply. */
  readonly bytes: Uint8Array;
}

function unexpected(message: string, cause?: unknown): Error {
  return centralFaults.fault("unexpected-reply", message, cause === undefined ? {} : { cause });
}

/** Reads a body up to a bound: central is not trusted with the device's memory. */
async function readBounded(reply: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = reply.body?.getReader();
  for (;;) {
    const next = await reader?.read();
    if (next === undefined || next.done) return concat(...parts);
    length += next.value.length;
    if (length > replyBytesMax) {
      await reader?.cancel();
      throw unexpected("central's reply is larger than any of its contract");
    }
    parts.push(next.value);
  }
}

function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined;
  try {
    return JSON.parse(fromUtf8(bytes)) as unknown;
  } catch (cause) {
    throw unexpected("central's reply is not JSON", cause);
  }
}

/** The fault a refusal stands for. A proxy in between may answer in its own form. */
function faultOf(status: number, bytes: Uint8Array): Error {
  let value: unknown;
  try {
    value = parseJson(bytes);
  } catch {
    value = undefined;
  }
  const problem = Problem.safeParse(value).data;
  if (problem === undefined) {
    return status >= 500
      ? centralFaults.fault("central-unreachable", `central's address answers with status ${status}; try again later`)
      : unexpected(`central's address answers with status ${status}; check the address`);
  }
  return new Fault(problem.code, problem.retry ? "later" : "never", problem.detail, {
    details: { ...problem.details, status },
  });
}

function encodeRequest(
  options: CallTransport & Partial<CallSigner>,
  request: CallRequest,
  body: Uint8Array,
): Record<string, string> {
  const headers: Record<string, string> = {
    accept: request.binaryReply === true ? "application/octet-stream" : "application/json",
  };
  if (request.bytes !== undefined) headers["content-type"] = "application/octet-stream";
  else if (request.body !== undefined) headers["content-type"] = "application/json";
  if (request.signed) {
    const { host } = new URL(options.baseUrl);
    const { account, publicKey, sign, world } = options;
    assert.ok(account !== undefined && publicKey !== undefined && sign !== undefined);
    const who = { account, timeMs: world.nowMs(), nonce: world.randomBytes(callNonceBytes) };
    const parts = { method: request.method, host, target: request.path, body };
    const signature = sign(callStatement(parts, who));
    headers["authorization"] = encodeCredentials({ ...who, publicKey, signature });
  }
  return headers;
}

/** Rejects when `signal` does or after the time a call may take, with the reason it aborts the call for. */
async function within<Result>(
  options: CallTransport,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  run: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const call = new AbortController();
  const over = new AbortController();
  const onAbort = (): void => call.abort(signal?.reason);
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  const silence = options.world.sleep(timeoutMs, over.signal).then(
    () => call.abort(centralFaults.fault("central-unreachable", "central does not answer in time; try again later")),
    () => undefined,
  );
  try {
    return await run(call.signal);
  } catch (error) {
    throw call.signal.aborted ? call.signal.reason : error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    over.abort();
    await silence;
  }
}

function bodyOf({ body, bytes }: CallRequest): Uint8Array<ArrayBuffer> | undefined {
  // A copy where the bytes may lie in memory that fetch does not take.
  if (bytes !== undefined) return new Uint8Array(bytes);
  return body === undefined ? undefined : toUtf8(JSON.stringify(body));
}

/**
 * One call. Throws the fault of a refusal, `central-unreachable`, `unexpected-reply`, and the reason of the signal when
 * that ends it.
 */
export async function performCall(
  options: CallTransport & Partial<CallSigner>,
  request: CallRequest,
): Promise<CallReply> {
  const body = bodyOf(request);
  const sent = body ?? new Uint8Array(0);
  const headers = encodeRequest(options, request, sent);
  const timeoutMs = request.timeoutMs ?? options.timeoutMs ?? timeoutMsDefault;
  return within(options, timeoutMs, request.signal, async (signal) => {
    try {
      const reply = await options.fetch(options.baseUrl + request.path, {
        method: request.method,
        headers,
        signal,
        redirect: "error",
        ...(body === undefined ? {} : { body }),
      });
      const bytes = await readBounded(reply);
      if (!reply.ok) throw faultOf(reply.status, bytes);
      return request.binaryReply === true
        ? { status: reply.status, value: undefined, bytes }
        : { status: reply.status, value: parseJson(bytes), bytes: new Uint8Array(0) };
    } catch (error) {
      if (isFault(error) || signal.aborted) throw error;
      throw centralFaults.fault("central-unreachable", "central does not answer; check the internet connection", {
        cause: error,
      });
    }
  });
}
