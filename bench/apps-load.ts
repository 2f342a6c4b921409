/**
 * The load generator, a process of its own: visitors on plain sockets, each of which asks again when its answer has come
 * whole and is what it should be. It does as little as it can, so that what it measures is not itself.
 *
 *   apps-load.ts ADDRESS PORT HOST COOKIE PATH VISITORS VISITS BODY-SHA256
 */
import { createHash } from "node:crypto";
import { connect } from "node:net";

export interface Load {
  readonly visitsPerSecond: number;
  /** Processors this process kept busy, of 1. */
  readonly ownCpu: number;
}

const [address = "", port = "", host = "", cookie = "", path = "/", visitors = "1", visits = "1", sha256 = ""] =
  process.argv.slice(2);
const asked = Buffer.from(
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: text/html,*/*\r\n` +
    `Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en\r\nReferer: http://${host}/\r\n${cookie === "" ? "" : `Cookie: ${cookie}\r\n`}\r\n`,
  "latin1",
);
const headEnd = "\r\n\r\n";
let left = Number(visits);
let good: Buffer | undefined;

function fail(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(1);
}

/** The first body is hashed; every other one has to be the same, byte for byte. */
function check(body: Buffer): void {
  if (good === undefined) {
    const hash = createHash("sha256").update(body).digest("hex");
    if (hash !== sha256) fail(`the body is another one: ${hash}`);
    good = Buffer.from(body);
  } else if (!good.equals(body)) fail("a body differs from the first one");
}

/** Goes on over one connection as long as the server does; a server that closes gets a new one for each visit. */
function visitor(done: () => void): void {
  const socket = connect({ host: address, port: Number(port), noDelay: true });
  let heard: Buffer | undefined;
  let whole = -1;
  let head = "";
  let isOver = false;
  const next = (): boolean => {
    if (left <= 0) return false;
    left--;
    socket.write(asked);
    return true;
  };
  const leave = (): void => {
    isOver = true;
    socket.destroy();
    if (left > 0) visitor(done);
    else done();
  };
  socket.on("connect", () => {
    if (!next()) leave();
  });
  socket.on("data", (bytes: Buffer) => {
    heard = heard === undefined ? bytes : Buffer.concat([heard, bytes]);
    if (whole < 0) {
      const end = heard.indexOf(headEnd);
      if (end < 0) return;
      head = heard.toString("latin1", 0, end);
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
      if (!head.startsWith("HTTP/1.1 200 ") || length === undefined) fail(`answered with ${head}`);
      whole = end + headEnd.length + Number(length);
    }
    if (heard.length < whole) return;
    if (heard.length > whole) fail("more came than was asked for");
    check(heard.subarray(heard.indexOf(headEnd) + headEnd.length));
    heard = undefined;
    whole = -1;
    if (/\r\nconnection: *close/i.test(head) || !next()) leave();
  });
  socket.on("error", (error) => fail(error.message));
  socket.on("close", () => {
    if (!isOver) fail("the connection was closed before the answer");
  });
}

const startMs = performance.now();
const before = process.cpuUsage();
await Promise.all(Array.from({ length: Number(visitors) }, () => new Promise<void>((resolve) => visitor(resolve))));
const seconds = (performance.now() - startMs) / 1_000;
const { user, system } = process.cpuUsage(before);
const load: Load = { visitsPerSecond: Number(visits) / seconds, ownCpu: (user + system) / 1e6 / seconds };
process.stdout.write(`${JSON.stringify(load)}\n`);
