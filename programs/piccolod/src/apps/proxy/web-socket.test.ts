import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { test, type TestContext } from "node:test";
import { ProxyScene, type Visitor } from "../../../test-support/proxy-scene.ts";

const key = "dGhlIHNhbXBsZSBub25jZQ==";
const MiB = 1024 * 1024;
const asked = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", `Sec-WebSocket-Key: ${key}`];

function accept(given: string): string {
  return createHash("sha1").update(`${given}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}

/** A frame of RFC 6455, as a browser or (unmasked) an app sends it. */
function frame(opcode: number, payload: Buffer, isMasked: boolean): Buffer {
  const extended = payload.length < 126 ? 0 : payload.length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + extended);
  head[0] = 0x80 | opcode;
  head[1] = (isMasked ? 0x80 : 0) | (extended === 0 ? payload.length : extended === 2 ? 126 : 127);
  if (extended === 2) head.writeUInt16BE(payload.length, 2);
  if (extended === 8) head.writeBigUInt64BE(BigInt(payload.length), 2);
  return isMasked ? Buffer.concat([head, Buffer.alloc(4), payload]) : Buffer.concat([head, payload]);
}

interface Scene {
  readonly one: ProxyScene;
  /** What the app has on its side of each WebSocket. */
  readonly sockets: Duplex[];
  readonly seen: IncomingMessage[];
}

/** An app that takes WebSockets and leaves what goes over them to the test. */
async function scene(t: TestContext, take: (socket: Duplex) => void = () => undefined): Promise<Scene> {
  const one = await ProxyScene.open();
  const sockets: Duplex[] = [];
  const seen: IncomingMessage[] = [];
  const app = await one.serve((_req, res) => res.writeHead(426, { "content-length": 5 }).end("plain"));
  app.on("upgrade", (req: IncomingMessage, socket: Duplex) => {
    seen.push(req);
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept(req.headers["sec-websocket-key"] ?? "")}\r\nSet-Cookie: a=1; Domain=localhost\r\n\r\n`,
    );
    take(socket);
  });
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    await one.close();
  });
  return { one, sockets, seen };
}

async function opened(one: ProxyScene, cookie: string, ...more: readonly string[]): Promise<Visitor> {
  const visitor = one.visitor();
  visitor.say(one.head("GET /ws", cookie, ...asked, ...more));
  await visitor.until(() => visitor.text.includes("\r\n\r\n"));
  const end = visitor.heard.indexOf("\r\n\r\n");
  assert.match(visitor.text, /^HTTP\/1\.1 101 /);
  assert.doesNotMatch(visitor.heard.toString("latin1", 0, end), /set-cookie/i);
  visitor.heard = visitor.heard.subarray(end + 4);
  return visitor;
}

test("what is no WebSocket of a signed-in visitor's own page is not switched", async (t) => {
  const { one, seen } = await scene(t);
  const { cookie } = one.signIn();
  const own = `Origin: http://${one.host}`;
  const refused: readonly (readonly [number, string])[] = [
    [401, one.head("GET /ws", "", ...asked)],
    [401, one.head("GET /ws", cookie, ...asked, "Origin: http://evil.localhost")],
    [401, one.head("GET /ws", cookie, ...asked, "Origin: null")],
    [401, one.head("GET /.piccolo/enter", cookie, ...asked)],
    [400, one.head("POST /ws", cookie, ...asked, own, "Content-Length: 0")],
    [400, one.head("GET /ws", cookie, ...asked, own, "Content-Length: 5")],
    [400, one.head("GET /ws", cookie, ...asked.filter((line) => !line.includes("Key")), own)],
    [400, one.head("GET /ws", cookie, ...asked.map((line) => line.replace(": 13", ": 777")), own)],
  ];
  for (const [status, text] of refused) {
    const visitor = one.visitor();
    visitor.say(text);
    assert.equal((await visitor.answer()).status, status, text);
    await visitor.ended();
    visitor.close();
  }
  // Another switch than to a WebSocket is a plain request, and the app never hears of the switch.
  const visitor = one.visitor();
  visitor.say(
    one.head("GET /ws", cookie, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"),
  );
  const { status, body } = await visitor.answer();
  assert.deepEqual([status, body], [426, "plain"]);
  visitor.close();
  assert.equal(seen.length, 0);
});

test("an app that does not switch answers, and one that only pretends to is not believed", async (t) => {
  const { one } = await scene(t);
  const { cookie } = one.signIn();
  await one.serve((_req, res) => res.end());
  await one.serveRaw((socket) =>
    socket.once("data", () => socket.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\nX-Why: no\r\n\r\nno!")),
  );
  const visitor = one.visitor();
  visitor.say(one.head("GET /ws", cookie, ...asked));
  const { status, head, body } = await visitor.answer();
  assert.deepEqual([status, body], [403, "no!"]);
  assert.match(head, /x-why: no/i);
  await visitor.ended();
  visitor.close();
  for (const accepted of ["", `Sec-WebSocket-Accept: ${accept("AAAAAAAAAAAAAAAAAAAAAA==")}\r\n`]) {
    await one.serveRaw((socket) =>
      socket.once("data", () =>
        socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n${accepted}\r\n`),
      ),
    );
    const other = one.visitor();
    other.say(one.head("GET /ws", cookie, ...asked));
    assert.equal((await other.answer()).status, 502);
    await other.ended();
    other.close();
  }
});

test("the app hears of the visitor from the device alone, also when it switches", async (t) => {
  const { one, seen } = await scene(t);
  const { cookie } = one.signIn();
  const visitor = await opened(
    one,
    `a=b; ${cookie}`,
    "X_Forwarded_User: root",
    "X-Piccolo-User: root",
    "Sec-WebSocket-Protocol: chat",
  );
  const headers = seen[0]?.headers ?? {};
  assert.equal(headers["x-piccolo-user"], "Ada");
  assert.equal(headers["cookie"], "a=b");
  assert.equal(headers["x_forwarded_user"], undefined);
  assert.equal(headers["sec-websocket-protocol"], "chat");
  visitor.close();
});

test("large frames arrive whole in both directions", async (t) => {
  const { one } = await scene(t, (socket) => socket.pipe(socket));
  const { cookie } = one.signIn();
  const visitor = await opened(one, cookie);
  const sent = frame(2, randomBytes(16 * MiB), true);
  const hash = createHash("sha256");
  let bytes = 0;
  visitor.socket.removeAllListeners("data");
  const whole = new Promise<void>((resolve) => {
    visitor.socket.on("data", (data: Buffer) => {
      hash.update(data);
      bytes += data.length;
      if (bytes >= sent.length) resolve();
    });
  });
  visitor.say(sent);
  await whole;
  assert.equal(hash.digest("hex"), createHash("sha256").update(sent).digest("hex"));
  visitor.close();
});

test("close frames and the ends of both sides are passed on as they are", async (t) => {
  const { one, sockets } = await scene(t);
  const { cookie } = one.signIn();
  const visitor = await opened(one, cookie);
  const heard: Buffer[] = [];
  sockets[0]?.on("data", (data: Buffer) => heard.push(data));
  const ended = once(sockets[0] as Duplex, "end");
  const bye = frame(8, Buffer.from([0x0f, 0xa1]), true);
  visitor.say(bye);
  visitor.socket.end();
  await ended;
  assert.ok(Buffer.concat(heard).equals(bye));
  // The visitor has ended its side; what the app still has to say arrives.
  const answer = frame(8, Buffer.concat([Buffer.from([0x0f, 0xa1]), Buffer.from("done")]), false);
  sockets[0]?.end(answer);
  await visitor.ended();
  assert.ok(visitor.heard.equals(answer));
  visitor.close();
});

test("an app that is killed takes its WebSockets along", async (t) => {
  const { one } = await scene(t);
  const { cookie } = one.signIn();
  const visitor = await opened(one, cookie);
  one.stopApp();
  await visitor.ended();
  visitor.close();
});

test("a visitor that goes is gone for the app", async (t) => {
  const { one, sockets } = await scene(t);
  const { cookie } = one.signIn();
  const visitor = await opened(one, cookie);
  const ended = once(sockets[0] as Duplex, "end");
  sockets[0]?.resume();
  visitor.socket.resetAndDestroy();
  await ended;
});

test("a WebSocket ends with its session, and with no other", async (t) => {
  const { one, sockets } = await scene(t);
  const [mine, others] = [one.signIn(), one.signIn()];
  const [visitor, other] = [await opened(one, mine.cookie), await opened(one, others.cookie)];
  one.sessions.end(mine.session.tokenHash);
  await visitor.ended();
  sockets[1]?.write(frame(1, Buffer.from("still here"), false));
  await other.until(() => other.text.includes("still here"));
  other.close();
  visitor.close();
});

test("a side that does not read holds the other one up", async (t) => {
  const { one, sockets } = await scene(t);
  const { cookie } = one.signIn();
  const visitor = await opened(one, cookie);
  visitor.socket.pause();
  const socket = sockets[0] as Duplex;
  const part = frame(2, Buffer.alloc(MiB), false);
  for (let at = 0; at < 64; at++) socket.write(part);
  let last = -1;
  while (socket.writableLength !== last) {
    last = socket.writableLength;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.ok(last > 0, "all of it was taken in for a visitor that reads nothing");
  visitor.close();
});

test("WebSockets are bounded in number", async (t) => {
  const { one } = await scene(t);
  const { cookie } = one.signIn();
  const visitors: Visitor[] = [];
  for (let at = 0; at < 256; at++) visitors.push(await opened(one, cookie));
  const more = one.visitor();
  more.say(one.head("GET /ws", cookie, ...asked));
  assert.equal((await more.answer()).status, 503);
  more.close();
  visitors[0]?.socket.resetAndDestroy();
  for (;;) {
    const again = one.visitor();
    again.say(one.head("GET /ws", cookie, ...asked));
    await again.until(() => again.text.includes("\r\n\r\n"));
    const isIn = again.text.startsWith("HTTP/1.1 101");
    again.close();
    if (isIn) break;
  }
  for (const visitor of visitors) visitor.close();
});
