import { type IncomingMessage, request } from "node:http";
import { request as secureRequest, type RequestOptions } from "node:https";
import { Readable } from "node:stream";

/**
 * `fetch` for names below `.localhost`: the name goes into the Host header, the connection to 127.0.0.1. Browsers do so
 * by themselves; the system's resolver on a plain Debian does not know such names.
 * Bodies are strings, bytes, or Node streams, whose length goes into the `content-length` header of the caller.
 */
export interface LoopbackInit {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | Readable;
  readonly signal?: AbortSignal;
}

export interface LoopbackReply {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: IncomingMessage;
}

/** Reaches a device's portal. */
export type RequestDevice = (url: string, init?: LoopbackInit) => Promise<LoopbackReply>;

export function loopbackRequest(url: string, init: LoopbackInit = {}): Promise<LoopbackReply> {
  const { port } = new URL(url);
  return send(url, init, { host: "127.0.0.1", port });
}

/**
 * The same for a device that serves HTTPS on port 443 and is reached by a forwarded port of this machine. Who answers is not
 * looked into: the device's own authority is not known before it was met.
 */
export function forwardedRequest(port: number): RequestDevice {
  return (url, init = {}) =>
    send(url, init, { host: "127.0.0.1", port, servername: new URL(url).hostname, rejectUnauthorized: false });
}

function send(url: string, init: LoopbackInit, place: RequestOptions): Promise<LoopbackReply> {
  const target = new URL(url);
  const open = target.protocol === "https:" ? secureRequest : request;
  return new Promise((resolve, reject) => {
    const outgoing = open(
      {
        ...place,
        method: init.method ?? "GET",
        path: `${target.pathname}${target.search}`,
        headers: { ...init.headers, host: target.host },
        ...(init.signal === undefined ? {} : { signal: init.signal }),
      },
      (reply) => resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body: reply }),
    );
    outgoing.on("error", reject);
    if (init.body instanceof Readable) {
      init.body.on("error", (error) => outgoing.destroy(error));
      init.body.pipe(outgoing);
    } else {
      outgoing.end(init.body);
    }
  });
}

const brokenCodes: ReadonlySet<string | undefined> = new Set([
  "ECONNRESET",
  "ECONNREFUSED",
  "EPIPE",
  "ERR_STREAM_PREMATURE_CLOSE",
]);

/** Whether the error says that the other side was gone before its answer was whole. A refusal is an answer. */
export function isBroken(error: unknown): boolean {
  return error instanceof Error && brokenCodes.has((error as NodeJS.ErrnoException).code);
}

/** The answer; undefined where the other side was gone before it was whole. Everything else is thrown. */
export async function unlessBroken<T>(asking: Promise<T>): Promise<T | undefined> {
  try {
    return await asking;
  } catch (error) {
    if (isBroken(error)) return undefined;
    throw error;
  }
}

/** The whole body as text; for JSON replies, which are small. */
export async function textOf(reply: LoopbackReply): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of reply.body) parts.push(part as Buffer);
  return Buffer.concat(parts).toString("utf8");
}
