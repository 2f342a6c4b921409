/** One visit on its way: the request to the app, its answer to the visitor. Nothing is kept but what sockets hold. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { AppConnection, AppConnections, Exchange } from "./app-connections.ts";
import { keptTrailers, replyHeaders, requestLines, type Visit } from "./headers.ts";
import type { ReplyHead } from "./reply-reader.ts";

/** An app that does not know `Expect` gets its body after a while (RFC 9110, section 10.1.1). */
const continueMs = 1_000;
const repeatable = new Set(["GET", "HEAD", "OPTIONS"]);

export interface ForwardingOptions {
  readonly connections: AppConnections;
  readonly visit: Visit;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** The visitor waits to be told to go on before it sends its body. */
  readonly expectsContinue: boolean;
  /** What it wants to switch to, and who takes over where the app agrees; false = it did not. */
  readonly upgrade?: { readonly to: string; readonly take: (head: ReplyHead, socket: Socket, rest: Buffer) => boolean };
  /** The app gave no answer: nothing was sent to the visitor. */
  readonly failed: (error: Error) => void;
  /** It is over, in whatever way. */
  readonly ended: () => void;
}

type Body = "none" | "counted" | "chunked";

/** As it was received: Node has undone what was chunked. */
function bodyOf({ headers }: IncomingMessage): Body {
  if (headers["transfer-encoding"] !== undefined) return "chunked";
  return headers["content-length"] === undefined || headers["content-length"] === "0" ? "none" : "counted";
}

const restBytesMax = 8 * 1024 * 1024;
const restMs = 3_000;

/** Takes in what is left of a request's body, within bounds, and hears it no more. */
function takeRest(req: IncomingMessage, done: () => void): void {
  let taken = 0;
  const finish = (): void => {
    clearTimeout(timer);
    req.off("data", count).off("end", finish).off("close", finish);
    done();
  };
  const count = (bytes: Buffer): void => {
    taken += bytes.length;
    if (taken > restBytesMax) finish();
  };
  const timer = setTimeout(finish, restMs);
  req.on("data", count).once("end", finish).once("close", finish);
  req.resume();
}

export class Forwarding implements Exchange {
  readonly #options: ForwardingOptions;
  readonly #body: Body;
  readonly #isRepeatable: boolean;
  #connection: AppConnection;
  #isSent: boolean;
  #isPumping = false;
  #isOver = false;
  #hasBegun = false;
  #wait: NodeJS.Timeout | undefined;

  constructor(options: ForwardingOptions) {
    this.#options = options;
    const { connections, req, res, upgrade } = options;
    this.#body = upgrade === undefined ? bodyOf(req) : "none";
    this.#isSent = this.#body === "none";
    this.#isRepeatable = this.#isSent && upgrade === undefined && repeatable.has(req.method ?? "");
    res.once("close", () => this.#left());
    this.#connection = connections.take(this.#isRepeatable);
    this.#send();
  }

  #send(): void {
    const { req, visit, upgrade, expectsContinue } = this.#options;
    const method = req.method ?? "GET";
    this.#connection.begin(this, { isHead: method === "HEAD", maySwitch: upgrade !== undefined });
    let head = `${method} ${req.url ?? "/"} HTTP/1.1\r\n${requestLines(req.rawHeaders, visit, upgrade?.to)}`;
    if (this.#body === "chunked") head += "Transfer-Encoding: chunked\r\n";
    else if (
      this.#body === "none" &&
      req.headers["content-length"] === undefined &&
      method !== "GET" &&
      method !== "HEAD"
    )
      head += "Content-Length: 0\r\n";
    const waits = expectsContinue && this.#body !== "none";
    if (waits) head += "Expect: 100-continue\r\n";
    this.#connection.socket.write(`${head}\r\n`, "latin1");
    if (waits) this.#wait = setTimeout(() => this.goOn(), continueMs);
    else if (!this.#isSent) this.#pump();
  }

  goOn(): void {
    if (this.#wait === undefined || this.#isPumping || this.#isOver) return;
    clearTimeout(this.#wait);
    this.#options.res.writeContinue();
    this.#pump();
  }

  #pump(): void {
    const { req } = this.#options;
    this.#isPumping = true;
    const isChunked = this.#body === "chunked";
    req.on("data", (bytes: Buffer) => {
      if (this.#isOver) return;
      const { socket } = this.#connection;
      let mayGoOn: boolean;
      if (isChunked) {
        socket.cork();
        socket.write(`${bytes.length.toString(16)}\r\n`, "latin1");
        socket.write(bytes);
        mayGoOn = socket.write("\r\n", "latin1");
        socket.uncork();
      } else mayGoOn = socket.write(bytes);
      if (!mayGoOn) req.pause();
    });
    req.on("end", () => {
      if (this.#isOver) return;
      if (isChunked) {
        const trailers = keptTrailers(req.rawTrailers);
        let lines = "";
        for (let at = 0; at < trailers.length; at += 2) lines += `${trailers[at]}: ${trailers[at + 1]}\r\n`;
        this.#connection.socket.write(`0\r\n${lines}\r\n`, "latin1");
      }
      this.#isSent = true;
    });
  }

  drained(): void {
    if (this.#isPumping) this.#options.req.resume();
  }

  head({ status, message, raw, hasBody, isAlone }: ReplyHead): void {
    const { req, res } = this.#options;
    clearTimeout(this.#wait);
    const headers = replyHeaders(raw);
    // Who answers before the request was taken in leaves bytes on the connection that are no request.
    if (!req.complete && this.#body !== "none") headers.push("Connection", "close");
    res.writeHead(status, message, headers);
    this.#hasBegun = true;
    // What comes in the same packet goes out in the same one; a body that is long in coming is not waited for.
    if (hasBody && isAlone) res.flushHeaders();
  }

  data(bytes: Buffer, isLast: boolean): void {
    const { res } = this.#options;
    if (isLast && this.#isSent) {
      res.end(bytes);
      return;
    }
    if (res.write(bytes)) return;
    const { socket } = this.#connection;
    socket.pause();
    res.once("drain", () => socket.resume());
  }

  end(trailers: readonly string[]): void {
    const { req, res } = this.#options;
    if (!res.writableEnded) {
      const kept = keptTrailers(trailers);
      if (kept.length > 0) {
        res.addTrailers(
          Array.from({ length: kept.length / 2 }, (_, at): [string, string] => [
            kept[at * 2] ?? "",
            kept[at * 2 + 1] ?? "",
          ]),
        );
      }
      if (this.#isSent) res.end();
    }
    if (this.#isSent) {
      this.#over();
      return;
    }
    this.#isOver = true;
    this.#connection.drop();
    // The app wants no more of it. The visitor may still be sending, and would not see the answer followed by a reset.
    takeRest(req, () => res.end());
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#connection.release();
  }

  switched(head: ReplyHead, rest: Buffer): void {
    const { upgrade, failed } = this.#options;
    this.#isOver = true;
    const socket = this.#connection.detach();
    if (upgrade?.take(head, socket, rest) === true) return;
    socket.destroy();
    failed(new Error("it switched to something else than was asked for"));
  }

  failed(error: Error): void {
    if (this.#isOver) return;
    const { connections, failed } = this.#options;
    if (this.#connection.isUsed && this.#connection.isUntouched && this.#isRepeatable) {
      this.#connection = connections.open();
      this.#send();
      return;
    }
    this.#isOver = true;
    clearTimeout(this.#wait);
    if (this.#hasBegun) this.#breakOff();
    else failed(error);
  }

  /** What the app cut off ends as cut off, never as a whole answer; what it said until then arrives. */
  #breakOff(): void {
    const { req, res } = this.#options;
    // Older visitors take an end for that of the answer, unless it is a reset, or TLS breaks off without its own last word.
    if (req.httpVersion === "1.0" && req.socket instanceof TLSSocket) req.socket.destroy();
    else if (req.httpVersion === "1.0") req.socket.resetAndDestroy();
    // Node keeps what was written in this turn until the next one. An answer in line behind others has no socket yet.
    else setImmediate(() => (res.socket ?? req.socket).destroySoon());
  }

  /** The answer has gone out, or the visitor has. */
  #left(): void {
    clearTimeout(this.#wait);
    this.#options.ended();
    if (this.#isOver) return;
    this.#isOver = true;
    this.#connection.drop();
  }

  /** The visitor may not go on. */
  cut(): void {
    // The answer alone would be given its connection later, if it is in line, and never end.
    this.#options.req.socket.destroy();
  }
}
