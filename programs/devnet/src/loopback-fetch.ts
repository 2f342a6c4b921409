import { request, type IncomingMessage } from "node:http";
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

export function loopbackRequest(url: string, init: LoopbackInit = {}): Promise<LoopbackReply> {
  const target = new URL(url);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: "127.0.0.1",
        port: target.port,
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

/** The whole body as text; for JSON replies, which are small. */
export async function textOf(reply: LoopbackReply): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of reply.body) parts.push(part as Buffer);
  return Buffer.concat(parts).toString("utf8");
}
