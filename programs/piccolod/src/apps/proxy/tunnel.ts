/** WebSockets: after the switch, bytes go to and fro. */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { World } from "@piccolo/world";
import { replyHeaders } from "./headers.ts";
import type { ReplyHead } from "./reply-reader.ts";

/** RFC 6455, section 1.3. */
const acceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** Who has ended its side hears the rest of the other one for so long. */
const lastWordsMs = 30_000;
/** Who was told no, or got its last answer, has so long to go. */
const goingMs = 3_000;

/**
 * Whether a request opens a WebSocket and nothing else: what an app reads after another switch (HTTP/2, for one) would be
 * requests that nobody took a visitor's forged headers from.
 */
export function isWebSocket({ method, headers, httpVersion }: IncomingMessage): boolean {
  return (
    method === "GET" &&
    httpVersion === "1.1" &&
    headers.upgrade?.toLowerCase() === "websocket" &&
    headers["sec-websocket-version"] === "13" &&
    /^[A-Za-z0-9+/]{22}==$/.test(headers["sec-websocket-key"] ?? "") &&
    headers["content-length"] === undefined &&
    headers["transfer-encoding"] === undefined
  );
}

/** What an app answers a request with this key, and no other one. */
export const acceptOf = (key: string): string => createHash("sha1").update(`${key}${acceptSuffix}`).digest("base64");

/** Whether the app answered just this request: whoever only copies words does not. */
export function hasAccepted(req: IncomingMessage, { raw }: ReplyHead): boolean {
  const expected = acceptOf(req.headers["sec-websocket-key"] ?? "");
  const found: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    if (raw[at]?.toLowerCase() === "sec-websocket-accept") found.push(raw[at + 1] ?? "");
  }
  return found.length === 1 && found[0] === expected;
}

export function switchingHead({ raw }: ReplyHead): string {
  const headers = replyHeaders(raw, "websocket");
  let lines = "HTTP/1.1 101 Switching Protocols\r\n";
  for (let at = 0; at < headers.length; at += 2) lines += `${headers[at]}: ${headers[at + 1]}\r\n`;
  return `${lines}\r\n`;
}

/**
 * The last of what is said to a visitor has been said. Unread bytes would hide its own end, and with that keep the connection
 * for ever, so that what it still says is taken in, and who does not go is cut.
 */
export function endSocket(socket: Duplex, world: Pick<World, "sleep">): void {
  if (socket.destroyed) return;
  const gone = new AbortController();
  socket.once("close", () => gone.abort());
  socket.end();
  socket.resume();
  void world.sleep(goingMs, gone.signal).then(
    () => socket.destroy(),
    () => undefined,
  );
}

/** Each side's end is passed on as an end, what fails or is cut as that; a side that does not read holds the other up. */
export function joinSockets(visitor: Duplex, app: Socket): void {
  for (const [from, to] of [
    [visitor, app],
    [app, visitor],
  ] as const) {
    from.pipe(to);
    from.once("error", () => to.destroy());
    from.once("end", () => {
      setTimeout(() => to.destroy(), lastWordsMs).unref();
    });
    from.once("close", () => {
      // What it said last is still to be read, where it ended well.
      if (!from.readableEnded) to.destroy();
    });
  }
}
