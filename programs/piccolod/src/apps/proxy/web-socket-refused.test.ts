import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { World } from "@piccolo/world";
import { realWorld } from "@piccolo/world/real";
import { ProxyScene, type Visitor } from "../../../test-support/proxy-scene.ts";
import { acceptOf } from "./tunnel.ts";

const key = "dGhlIHNhbXBsZSBub25jZQ==";
const asked = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", `Sec-WebSocket-Key: ${key}`];

async function scene(t: TestContext, world: World = realWorld): Promise<ProxyScene> {
  const one = await ProxyScene.open({ world });
  t.after(() => one.close());
  one.showAll("/share/*");
  return one;
}

/** An app that takes every WebSocket, or refuses each. */
async function serve(one: ProxyScene, takes: boolean): Promise<void> {
  const app = await one.serve((req, res) => {
    res.writeHead(req.headers.upgrade === undefined ? 200 : 403, { "content-length": 2 }).end("no");
  });
  if (!takes) return;
  app.on("upgrade", (_req, socket) => {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${acceptOf(key)}\r\n\r\n`,
    );
  });
}

async function status(visitor: Visitor): Promise<number> {
  await visitor.until(() => visitor.heard.includes("\r\n\r\n"));
  return Number(visitor.text.slice(9, 12));
}

async function noneLeft(one: ProxyScene): Promise<void> {
  while ((await one.visitorConnections()) > 0) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Whether it has come about by the next turn. */
function isDone(promise: Promise<unknown>): Promise<boolean> {
  return Promise.race([promise.then(() => true), new Promise<false>((resolve) => setImmediate(resolve, false))]);
}

test(
  "of a WebSocket that is refused nothing stays, whatever its visitor sends after the question",
  { timeout: 60_000 },
  async (t) => {
    const one = await scene(t);
    await serve(one, false);
    const ways: readonly (readonly [number, string, () => void])[] = [
      [401, "/private", () => undefined],
      [401, "/.piccolo/enter", () => undefined],
      [403, "/share/a", () => undefined],
      [502, "/share/a", () => (one.route = "closed")],
    ];
    for (const [expected, path, before] of ways) {
      before();
      for (const last of ["", "x", "x".repeat(100_000)]) {
        const visitor = one.visitor();
        visitor.say(`${one.head(`GET ${path}`, "", ...asked)}${last}`);
        assert.equal(await status(visitor), expected, path);
        visitor.say("y");
        visitor.socket.end();
        await noneLeft(one);
        visitor.close();
      }
    }
    assert.ok(await isDone(one.hosts.drained("notes")));
  },
);

test(
  "a visitor that goes before the app has answered, or in the middle of it, is gone",
  { timeout: 60_000 },
  async (t) => {
    const one = await scene(t);
    for (const answer of ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnever"]) {
      let tell = (): void => undefined;
      await one.serveRaw((socket) =>
        socket.once("data", () => {
          socket.write(answer);
          tell();
        }),
      );
      const visitor = one.visitor();
      const isAsked = new Promise<void>((resolve) => (tell = resolve));
      visitor.say(one.head("GET /share/a", "", ...asked));
      await isAsked;
      visitor.socket.end();
      await noneLeft(one);
      assert.ok(await isDone(one.hosts.drained("notes")));
      visitor.close();
    }
  },
);

test("a visitor that does not go after the refusal is cut after a while", { timeout: 60_000 }, async (t) => {
  const waits: (() => void)[] = [];
  const sleep: World["sleep"] = (_ms, signal) =>
    new Promise((resolve, reject) => {
      waits.push(resolve);
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
  const one = await scene(t, { ...realWorld, sleep });
  await serve(one, false);
  for (const path of ["/private", "/share/a"]) {
    const visitor = one.visitor();
    visitor.say(one.head(`GET ${path}`, "", ...asked));
    await visitor.ended();
    assert.equal(await one.visitorConnections(), 1);
    for (const end of waits.splice(0)) end();
    await noneLeft(one);
    visitor.close();
  }
});

test("strangers who stay after their WebSockets were refused shut nobody out", { timeout: 60_000 }, async (t) => {
  const one = await scene(t);
  await serve(one, false);
  const visitors: Visitor[] = [];
  for (let at = 0; at < 257; at++) {
    const visitor = one.visitor();
    visitors.push(visitor);
    visitor.say(`${one.head("GET /share/a", "", ...asked)}x`);
    assert.equal(await status(visitor), 403, String(at));
  }
  assert.ok(await isDone(one.hosts.drained("notes")));
  const plain = one.visitor();
  plain.say(one.head("GET /share/a", ""));
  assert.equal((await plain.answer()).status, 200);
  for (const visitor of [plain, ...visitors]) visitor.close();
});

test(
  "strangers leave WebSockets to those who have signed in, also while the app is waited for",
  { timeout: 60_000 },
  async (t) => {
    const one = await scene(t);
    await serve(one, true);
    const { cookie } = one.signIn();
    const ask = (shown: string): Visitor => {
      const visitor = one.visitor();
      visitor.say(one.head("GET /share/a", shown, ...asked));
      return visitor;
    };
    one.route = "held";
    const strangers = Array.from({ length: 140 }, () => ask(""));
    const statuses = strangers.map((visitor) => status(visitor));
    // Those beyond the bound hear so while the others wait.
    let refused = 0;
    await new Promise<void>((resolve) => {
      for (const each of statuses) void each.then((code) => code === 503 && ++refused === 12 && resolve());
    });
    one.route = "open";
    const all = await Promise.all(statuses);
    assert.equal(all.filter((code) => code === 101).length, 128);
    const owner = ask(cookie);
    assert.equal(await status(owner), 101);
    const late = ask("");
    assert.equal(await status(late), 503);
    // One that goes makes room for one.
    strangers[all.indexOf(101)]?.socket.resetAndDestroy();
    for (let code = 503; code !== 101;) {
      const again = ask("");
      code = await status(again);
      again.close();
    }
    for (const visitor of [owner, late, ...strangers]) visitor.close();
  },
);
