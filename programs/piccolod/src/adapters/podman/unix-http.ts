import { request, type IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { runtimeFaults } from "../../apps/runtime/faults.ts";

export interface SocketRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly json?: unknown;
  readonly body?: AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal;
  /** Until the answer's head; what streams afterwards has no limit of its own. */
  readonly timeoutMs: number;
}

/** An answer whose body the caller reads or destroys. */
export interface SocketReply {
  readonly status: number;
  readonly body: IncomingMessage;
}

const nobody = new Set(["ENOENT", "ECONNREFUSED"]);
const gone = new Set([...nobody, "ECONNRESET", "EPIPE"]);

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** Errors that say that nobody listens: nothing of what was asked has begun. */
export function isNobody(error: unknown): boolean {
  return nobody.has(codeOf(error));
}

/** Errors that say that nobody listens, or that whoever did has ended. */
export function isGone(error: unknown): boolean {
  return gone.has(codeOf(error));
}

export function unavailable(cause: unknown): Error {
  return runtimeFaults.fault("runtime-unavailable", "what runs the apps does not answer; try again in a moment", {
    cause,
  });
}

/** One exchange over a socket in the file system. Errors of the connection are passed on as they are. */
export function exchange(socketPath: string, call: SocketRequest): Promise<SocketReply> {
  return new Promise((resolve, reject) => {
    const text = call.json === undefined ? undefined : JSON.stringify(call.json);
    const outgoing = request(
      {
        socketPath,
        method: call.method,
        path: call.path,
        headers: {
          host: "podman",
          ...(text === undefined
            ? {}
            : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
          ...(call.body === undefined ? {} : { "content-type": "application/x-tar" }),
        },
        agent: false,
        ...(call.signal === undefined ? {} : { signal: call.signal }),
      },
      (body) => {
        clearTimeout(timer);
        resolve({ status: body.statusCode ?? 0, body });
      },
    );
    const timer = setTimeout(() => {
      outgoing.destroy(Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" }));
    }, call.timeoutMs);
    outgoing.on("error", (error) => {
      clearTimeout(timer);
      reject(call.signal?.aborted === true ? (call.signal.reason as Error) : error);
    });
    if (call.body === undefined) {
      outgoing.end(text);
      return;
    }
    const source = Readable.from(call.body);
    source.on("error", (error) => outgoing.destroy(error));
    // Whoever answers before everything was sent, a refusal for example, ends the sending.
    outgoing.on("close", () => source.destroy());
    source.pipe(outgoing);
  });
}

/** A body of bounded length. Throws `runtime-failed` where it is longer. */
export async function readBody(body: IncomingMessage, bytesMax: number): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of body) {
    length += (part as Buffer).length;
    if (length > bytesMax) {
      body.destroy();
      throw runtimeFaults.fault("runtime-failed", "what runs the apps answers more than it should");
    }
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString("utf8");
}

/** The lines of a body as they arrive; one that is too long ends it. */
export async function* linesOf(body: IncomingMessage, lineBytesMax: number): AsyncGenerator<string> {
  let rest = "";
  body.setEncoding("utf8");
  for await (const part of body) {
    rest += part as string;
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield line;
    if (rest.length > lineBytesMax) {
      body.destroy();
      throw runtimeFaults.fault("runtime-failed", "what runs the apps answers in lines longer than they should be");
    }
  }
  if (rest.trim() !== "") yield rest;
}
