import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { test, type TestContext } from "node:test";
import { checkManifest } from "@piccolo/app-manifest";
import { realWorld } from "@piccolo/world/real";
import { manifestText } from "../../../test-support/app-device.ts";
import { ProxyScene } from "../../../test-support/proxy-scene.ts";
import { requestInstall, type Wish } from "../requests.ts";

async function scene(t: TestContext): Promise<ProxyScene> {
  const one = await ProxyScene.open();
  t.after(() => one.close());
  return one;
}

const MiB = 1024 * 1024;

async function textOf(message: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part as Buffer);
  return Buffer.concat(parts).toString("latin1");
}

/** Answers with what it was asked, as the app sees it. */
const echo = (req: IncomingMessage, res: ServerResponse): void => {
  void textOf(req).then((body) => {
    res.setHeader("content-type", "application/json");
    res.end(JSON.stringify({ method: req.method, url: req.url, headers: req.headers, body, trailers: req.trailers }));
  });
};

test("without a session nothing reaches the app", async (t) => {
  const one = await scene(t);
  let asked = 0;
  await one.serve((_req, res) => res.end(String(++asked)));
  const { session, cookie } = one.signIn();
  const forged = `${cookie.slice(0, -2)}${cookie.endsWith("AA") ? "BB" : "AA"}`;
  for (const shown of [
    "",
    "theme=dark",
    "piccolo_app_device1=x",
    forged,
    cookie.replace("app_device1", "app_device2"),
  ]) {
    const visitor = one.visitor();
    visitor.say(one.head("GET /", shown));
    assert.equal((await visitor.answer()).status, 401, shown);
    visitor.close();
  }
  const page = one.visitor();
  page.say(one.head("GET /a?b=1", "", "Accept: text/html"));
  const away = await page.answer();
  assert.equal(away.status, 303);
  assert.match(
    away.head,
    /^location: http:\/\/device1\.localhost:\d+\/api\/v1\/apps\/notes\/enter\?path=%2Fa%3Fb%3D1$/im,
  );
  page.close();
  one.sessions.end(session.tokenHash);
  const late = one.visitor();
  late.say(one.head("GET /", cookie));
  assert.equal((await late.answer()).status, 401);
  late.close();
  assert.equal(asked, 0);
});

test("who has no session sees the paths the owner agreed to, also where the manifest has more, and nothing else", async (t) => {
  const one = await scene(t);
  await one.serve((req, res) => res.end(`saw ${req.url ?? ""}`));
  const { manifest, problems } = checkManifest(manifestText("notes", { publicPaths: ["/share/*", "/admin/*"] }));
  assert.ok(manifest, JSON.stringify(problems));
  const wish = { manifest, grants: ["public-paths"] as const, settings: {} };
  const statuses = async (more: Partial<Wish>): Promise<readonly number[]> => {
    const place = { slot: 0, networkSlot: 0, idStart: 1_073_741_824, installedAtMs: 0 };
    one.installed = { ...place, record: requestInstall(undefined, { ...wish, ...more }, 0) };
    const seen: number[] = [];
    for (const path of ["/share/a", "/admin/a", "/share/../admin/a", "/"]) {
      const visitor = one.visitor();
      visitor.say(one.head(`GET ${path}`, ""));
      seen.push((await visitor.answer()).status);
      visitor.close();
    }
    return seen;
  };
  assert.deepEqual(await statuses({ publicPaths: ["/share/*"] }), [200, 401, 401, 401]);
  assert.deepEqual(await statuses({ publicPaths: [] }), [401, 401, 401, 401]);
  assert.deepEqual(await statuses({ grants: [], publicPaths: ["/share/*"] }), [401, 401, 401, 401]);
  assert.deepEqual(await statuses({}), [200, 200, 401, 401]);
});

test("a connection whose session ends is not let in again, and a visit under way is cut", async (t) => {
  const one = await scene(t);
  await one.serve((req, res) => {
    res.write("begun");
    if (req.url === "/quick") res.end();
  });
  const { session, cookie } = one.signIn();
  const [visitor, streaming] = [one.visitor(), one.visitor()];
  for (let round = 0; round < 3; round++) {
    visitor.say(one.head("GET /quick", cookie));
    await visitor.until(() => visitor.text.endsWith("0\r\n\r\n"));
    visitor.heard = Buffer.alloc(0);
  }
  streaming.say(one.head("GET /slow", cookie));
  await streaming.until(() => streaming.text.includes("begun"));
  one.sessions.end(session.tokenHash);
  assert.doesNotMatch(await streaming.ended(), /0\r\n\r\n$/);
  visitor.say(one.head("GET /quick", cookie));
  assert.equal((await visitor.answer()).status, 401);
  visitor.close();
  await one.hosts.drained("notes");
});

test("a cookie is good at its own app alone, and a session that is crowded out is gone at once", async (t) => {
  const one = await scene(t);
  await one.serve(echo);
  const { cookie } = one.signIn();
  const visitor = one.visitor();
  visitor.say(one.head("GET /", cookie));
  assert.equal((await visitor.answer()).status, 200);
  visitor.say(one.head("GET /", cookie).replace("notes.localhost", "other.localhost"));
  assert.equal((await visitor.answer()).status, 401);
  for (let more = 0; more < 100; more++) one.sessions.open();
  visitor.say(one.head("GET /", cookie));
  assert.equal((await visitor.answer()).status, 401);
  visitor.close();
});

test("the app sees the visit as the device tells it, whatever the visitor claims", async (t) => {
  const one = await scene(t);
  await one.serve(echo);
  const { cookie } = one.signIn();
  const visitor = one.visitor();
  visitor.say(
    one.head(
      "POST /a?b=c",
      `theme=dark; ${cookie}`,
      "X_Forwarded_User: root",
      "Connection: keep-alive, X-Mine",
      "X-Mine: 1",
      "Upgrade: h2c",
      "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
      "Transfer-Encoding: chunked",
      "Trailer: X-Sum, X-Forwarded-User",
    ),
  );
  visitor.say("3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Sum: 5\r\nX-Forwarded-User: root\r\nCookie: a=b\r\n\r\n");
  const { status, body } = await visitor.answer();
  assert.equal(status, 200);
  const seen = JSON.parse(body) as {
    readonly body: string;
    readonly headers: Record<string, string>;
    readonly trailers: Record<string, string>;
  };
  assert.equal(seen.body, "abcde");
  assert.deepEqual(seen.trailers, { "x-sum": "5" });
  const { host, cookie: cookies, upgrade, "x-piccolo-user": user, "x-forwarded-for": from } = seen.headers;
  assert.deepEqual([host, cookies, upgrade, user, from], [one.host, "theme=dark", undefined, "Ada", "127.0.0.1"]);
  for (const name of ["x_forwarded_user", "x-mine"]) assert.equal(seen.headers[name], undefined, name);
  visitor.close();
});

test("requests that servers read in different ways do not get through", async (t) => {
  const one = await scene(t);
  let asked = 0;
  await one.serve((req, res) => {
    asked++;
    echo(req, res);
  });
  const { cookie } = one.signIn();
  const bad = [
    one.head("POST /", cookie, "Content-Length: 3", "Transfer-Encoding: chunked") + "0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
    one.head("POST /", cookie, "Content-Length: 3", "Content-Length: 4") + "abcd",
    one.head("POST /", cookie, "Transfer-Encoding: gzip, chunked") + "0\r\n\r\n",
    one.head("POST /", cookie, "Transfer-Encoding: chunked", "Transfer-Encoding: identity") + "0\r\n\r\n",
    one.head("POST /", cookie, "Transfer-Encoding: xchunked") + "0\r\n\r\n",
    one.head("GET /", cookie, "A: 1\r\n folded"),
    one.head("GET /", cookie, "Bad Name: 1"),
    one.head("GET /", cookie, "Content-Length: -1"),
    one.head("GET /a b", cookie),
    one.head("GET /", cookie, `Host: evil.localhost`),
    one.head("GET http://other/", cookie),
    one.head("OPTIONS *", cookie),
    one.head("CONNECT other:80", cookie),
    one.head("GET /", cookie, `X: ${"x".repeat(20_000)}`),
    one.head("GET /", cookie, "Host : evil"),
    one.head("GET /\r\nX: 1", cookie),
    one.head("POST /", cookie, "Content-Length: 33", "Connection: content-length") +
      "GET /x HTTP/1.1\r\nHost: evil\r\n\r\n\r\n",
    one.head("POST /", cookie, "Content-Length: 3", "Connection: close", "Connection: x,\tContent-LENGTH") + "abc",
    one.head("POST /", cookie, "Transfer-Encoding: chunked", "Connection: transfer-encoding") + "0\r\n\r\n",
    ...["Host", "Cookie", "Authorization", "Content-Type"].map((name) =>
      one.head("GET /", cookie, `Connection: close, ${name}`),
    ),
  ];
  for (const text of bad) {
    const visitor = one.visitor();
    visitor.say(text);
    visitor.socket.end();
    const said = await visitor.ended();
    assert.ok(said === "" || /^HTTP\/1\.1 4\d\d /.test(said), `${JSON.stringify(text)} got ${said}`);
  }
  assert.equal(asked, 0);
});

test("one connection to the app serves visit after visit, and one that it has closed is no failure", async (t) => {
  const one = await scene(t);
  let served = 0;
  const app = await one.serve((_req, res) => res.end(String(++served)));
  const { cookie } = one.signIn();
  const visitor = one.visitor();
  for (let round = 1; round <= 20; round++) {
    visitor.say(one.head("GET /", cookie));
    assert.equal((await visitor.answer()).body, String(round));
    assert.equal(one.appConnections, 1);
  }
  app.closeIdleConnections();
  app.closeAllConnections();
  visitor.say(one.head("GET /", cookie));
  assert.equal((await visitor.answer()).body, "21");
  visitor.close();
});

test("what must not be done twice is not asked twice", async (t) => {
  const one = await scene(t);
  let asked = 0;
  await one.serveRaw((socket) => {
    socket.once("data", () => {
      asked++;
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      socket.once("data", () => {
        asked++;
        socket.destroy();
      });
    });
  });
  const { cookie } = one.signIn();
  const visitor = one.visitor();
  visitor.say(one.head("GET /", cookie));
  assert.equal((await visitor.answer()).status, 200);
  visitor.say(one.head("POST /", cookie, "Content-Length: 1") + "x");
  assert.equal((await visitor.answer()).status, 502);
  assert.equal(asked, 2);
  visitor.close();
});

test("HEAD, ranges, conditions and answers without a body go through as they are", async (t) => {
  const one = await scene(t);
  await one.serve((req, res) => {
    if (req.headers["if-none-match"] === '"1"') res.writeHead(304, { etag: '"1"' }).end();
    else if (req.headers.range === "bytes=2-4") {
      res.writeHead(206, { "content-range": "bytes 2-4/10", "content-length": 3 }).end("cde");
    } else res.writeHead(200, { "content-length": 10, "accept-ranges": "bytes" }).end("abcdefghij");
  });
  const { cookie } = one.signIn();
  const visitor = one.visitor();
  visitor.say(one.head("HEAD /", cookie));
  await visitor.until(() => visitor.text.endsWith("\r\n\r\n"));
  assert.match(visitor.text, /content-length: 10/i);
  visitor.heard = Buffer.alloc(0);
  visitor.say(one.head("GET /", cookie, "Range: bytes=2-4"));
  const part = await visitor.answer();
  assert.deepEqual([part.status, part.body], [206, "cde"]);
  assert.match(part.head, /content-range: bytes 2-4\/10/i);
  visitor.say(one.head("GET /", cookie, 'If-None-Match: "1"'));
  assert.equal((await visitor.answer()).status, 304);
  visitor.close();
});

test("an app that breaks off or lies about its answer never looks as if it were done", async (t) => {
  const one = await scene(t);
  const { cookie } = one.signIn();
  const cut = [
    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
  ];
  for (const text of cut) {
    await one.serveRaw((socket) => socket.once("data", () => socket.end(text, "latin1")));
    const visitor = one.visitor();
    visitor.say(one.head("GET /", cookie));
    const said = await visitor.ended();
    assert.match(said, /half/);
    assert.ok(!said.endsWith("0\r\n\r\n") && !/content-length: 4\b/i.test(said), said);
    visitor.close();
  }
  for (const text of [
    "",
    "HTTP/1.1 2",
    "nonsense\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
  ]) {
    await one.serveRaw((socket) => socket.once("data", () => socket.end(text, "latin1")));
    const visitor = one.visitor();
    visitor.say(one.head("GET /", cookie));
    assert.equal((await visitor.answer()).status, 502, text);
    visitor.close();
  }
});

test("what an app says too much is heard by no other visit", async (t) => {
  const one = await scene(t);
  let asked = 0;
  await one.serveRaw((socket) =>
    socket.on("data", () => {
      asked++;
      const answer = `HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${asked}`;
      socket.write(answer + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    }),
  );
  const { cookie } = one.signIn();
  const visitor = one.visitor();
  for (const round of ["1", "2", "3"]) {
    visitor.say(one.head("GET /", cookie));
    assert.equal((await visitor.answer()).body, round);
  }
  visitor.close();
});

test("an event stream arrives event by event, and the app hears that the visitor has gone", async (t) => {
  const one = await scene(t);
  const left = Promise.withResolvers<void>();
  let more: (text: string) => void = () => undefined;
  await one.serve((_req, res) => {
    res.writeHead(200, { "content-type": "text/event-stream" });
    res.flushHeaders();
    more = (text) => res.write(text);
    res.once("close", () => left.resolve());
  });
  const { cookie } = one.signIn();
  const visitor = one.visitor();
  visitor.say(one.head("GET /events", cookie));
  await visitor.until(() => visitor.text.includes("\r\n\r\n"));
  for (const word of ["one", "two"]) {
    more(`data: ${word}\n\n`);
    await visitor.until(() => visitor.text.includes(`data: ${word}\n\n`));
  }
  visitor.close();
  await left.promise;
  await one.hosts.drained("notes");
});

test("a visitor that does not read holds the app up, and one that does gets every byte", async (t) => {
  const one = await scene(t);
  const total = 64 * MiB;
  let written = 0;
  const part = Buffer.alloc(64 * 1024, "x");
  await one.serve((_req, res) => {
    res.writeHead(200, { "content-length": total });
    const go = (): void => {
      while (written < total) {
        written += part.length;
        if (!res.write(part)) {
          res.once("drain", go);
          return;
        }
      }
      res.end();
    };
    go();
  });
  const { cookie } = one.signIn();
  const visitor = one.visitor();
  visitor.socket.pause();
  visitor.say(one.head("GET /", cookie));
  let last = -1;
  // Comes to rest when all buffers on the way are full.
  while (written !== last) {
    last = written;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(written < total, `${written} bytes were taken in for nobody`);
  visitor.socket.removeAllListeners("data");
  const whole = new Promise<void>((resolve) => {
    let bytes = 0;
    visitor.socket.on("data", (data: Buffer) => {
      bytes += data.length;
      if (bytes >= total) resolve();
    });
  });
  visitor.socket.resume();
  await whole;
  visitor.close();
});

test("an app that does not read holds the visitor up", async (t) => {
  const one = await scene(t);
  let take: () => void = () => undefined;
  let taken = 0;
  await one.serve((req, res) => {
    req.pause();
    take = () => {
      req.on("data", (data: Buffer) => (taken += data.length));
      req.on("end", () => res.end(String(taken))).resume();
    };
  });
  const { cookie } = one.signIn();
  const total = 64 * MiB;
  const visitor = one.visitor();
  visitor.say(one.head("PUT /", cookie, `Content-Length: ${total}`));
  const part = Buffer.alloc(MiB, "y");
  for (let sent = 0; sent < total; sent += part.length) visitor.socket.write(part);
  let last = -1;
  while (visitor.socket.writableLength !== last) {
    last = visitor.socket.writableLength;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.ok(last > 0, "all of it was taken in for an app that reads nothing");
  take();
  assert.equal((await visitor.answer()).body, String(total));
  visitor.close();
});

test("a body that waits to be asked for is sent when the app asks, and not where it refuses", async (t) => {
  const one = await scene(t);
  const app = await one.serve(echo);
  app.on("checkContinue", (req: IncomingMessage, res: ServerResponse) => {
    if (req.url === "/no") {
      res.writeHead(413, { "content-length": 0 }).end();
      return;
    }
    res.writeContinue();
    echo(req, res);
  });
  const { cookie } = one.signIn();
  const visitor = one.visitor();
  visitor.say(one.head("POST /yes", cookie, "Expect: 100-continue", "Content-Length: 5"));
  await visitor.until(() => visitor.text.includes("HTTP/1.1 100 Continue\r\n\r\n"));
  visitor.heard = Buffer.alloc(0);
  visitor.say("hello");
  assert.match((await visitor.answer()).body, /"body":"hello"/);
  visitor.say(one.head("POST /no", cookie, "Expect: 100-continue", "Content-Length: 5"));
  const refused = await visitor.answer();
  assert.equal(refused.status, 413);
  assert.match(refused.head, /connection: close/i);
  visitor.close();
});

test("an answer that comes before the whole body was sent arrives", async (t) => {
  const one = await scene(t);
  await one.serve((_req, res) => res.writeHead(413, { "content-length": 3 }).end("big"));
  const { cookie } = one.signIn();
  const visitor = one.visitor();
  visitor.say(one.head("POST /", cookie, `Content-Length: ${4 * MiB}`));
  visitor.socket.write(Buffer.alloc(2 * MiB));
  const { status, body } = await visitor.answer();
  assert.deepEqual([status, body], [413, "big"]);
  visitor.socket.write(Buffer.alloc(2 * MiB));
  await visitor.ended();
  visitor.close();
});

test("visits wait while the app changes over, and are bounded in number", async (t) => {
  const one = await scene(t);
  await one.serve((_req, res) => res.end("old"));
  const { cookie } = one.signIn();
  const first = one.visitor();
  first.say(one.head("GET /", cookie));
  assert.equal((await first.answer()).body, "old");
  one.route = "held";
  const looksBefore = one.looks;
  const waiting = Array.from({ length: 600 }, () => one.visitor());
  for (const visitor of waiting) visitor.say(one.head("GET /", cookie));
  const refused = new Set<(typeof waiting)[number]>();
  // Every one beyond the bound is told so at once; the others hear nothing yet.
  const answers = waiting.map(async (visitor) => {
    const { status, head, body } = await visitor.answer();
    if (status === 503) {
      assert.match(head, /retry-after: 1/i);
      refused.add(visitor);
      if (refused.size === 88) {
        one.stopApp();
        await one.serve((_req, res) => res.end("new"));
      }
    } else assert.equal(body, "new");
    visitor.close();
  });
  await Promise.all(answers);
  assert.equal(refused.size, 88);
  // Once a second for all of them, however long they take to come.
  const looks = one.looks - looksBefore;
  assert.ok(looks < waiting.length / 10, `it was looked for ${looks} times`);
  first.close();
});

test("a visitor that leaves while it waits makes room", async (t) => {
  const one = await scene(t);
  await one.serve(echo);
  const { cookie } = one.signIn();
  one.route = "held";
  for (let round = 0; round < 3; round++) {
    const visitors = Array.from({ length: 300 }, () => one.visitor());
    for (const visitor of visitors) visitor.say(one.head("GET /", cookie));
    await Promise.all(visitors.map(({ socket }) => once(socket, "connect")));
    for (const visitor of visitors) visitor.close();
  }
  const last = one.visitor();
  for (;;) {
    last.say(one.head("GET /", cookie));
    one.route = "open";
    const { status } = await last.answer();
    if (status === 200) break;
    assert.equal(status, 503);
    one.route = "held";
  }
  last.close();
});

/** As a browser asks that shows the answer to a person. */
const asPage = "Accept: text/html,*/*;q=0.8\r\nSec-Fetch-Dest: document";

async function shown(one: ProxyScene, path: string, cookie: string, more = asPage) {
  const visitor = one.visitor();
  visitor.say(one.head(`GET ${path}`, cookie, more));
  const { status, head, body: text } = await visitor.answer();
  visitor.close();
  return { status, head, text };
}

function installedNotes(wanted: "running" | "stopped") {
  const { manifest } = checkManifest(manifestText("notes", { publicPaths: ["/share/*"] }));
  assert.ok(manifest);
  const asked = requestInstall(undefined, { manifest, grants: ["public-paths"], settings: {} }, 0);
  const current = asked.change?.to;
  const record = { ...asked, wanted, change: undefined, current };
  return { slot: 0, networkSlot: 0, idStart: 1_073_741_824, installedAtMs: 0, record };
}

test("a person at the address of an app that does not run is told by a page how it is, and where to go on", async (t) => {
  const one = await scene(t);
  await one.serve(echo);
  const { cookie } = one.signIn();
  one.route = "closed";
  one.installed = installedNotes("stopped");
  const { status, head, text } = await shown(one, "/", cookie);
  assert.equal(status, 502);
  assert.match(head, /^content-type: text\/html; charset=utf-8$/im);
  assert.match(head, /^content-security-policy: default-src 'none'; style-src 'sha256-[^;]+; frame-ancestors 'none'/im);
  assert.match(head, /^cache-control: no-store$/im);
  assert.match(text, / is stopped<\/h1>/);
  assert.match(text, /href="http:\/\/device1\.localhost:\d+\/#\/app\/notes"/);
  assert.doesNotMatch(text, /<script|http-equiv/);
  one.installed = installedNotes("running");
  const starting = await shown(one, "/", cookie);
  assert.match(starting.text, /http-equiv="refresh"/);
  // A program, and a script of a page, are answered as ever.
  for (const more of ["Accept: application/json", "Accept: text/html\r\nSec-Fetch-Dest: empty"]) {
    const { head: plain } = await shown(one, "/", cookie, more);
    assert.match(plain, /^content-type: application\/problem\+json$/im);
  }
});

test("a stranger's page names neither the app nor how it is", async (t) => {
  const one = await scene(t);
  await one.serve(echo);
  one.route = "closed";
  one.installed = installedNotes("stopped");
  const { text, status } = await shown(one, "/share/a", "");
  assert.equal(status, 502);
  assert.match(text, /There is no answer at the moment/);
  assert.doesNotMatch(text.slice(text.indexOf("<main>")), /notes|stopped/i);
});

test("a person who waits for an app that changes over is told after a moment, and other requests go on waiting", async (t) => {
  const moment = Promise.withResolvers<void>();
  const world = { ...realWorld, sleep: () => moment.promise };
  const one = await ProxyScene.open({ world });
  t.after(() => one.close());
  await one.serve(echo);
  const { cookie } = one.signIn();
  one.installed = installedNotes("running");
  one.route = "held";
  const [page, other] = [one.visitor(), one.visitor()];
  other.say(one.head("GET /", cookie));
  page.say(one.head("GET /", cookie, asPage));
  while (one.looks < 1) await new Promise((resolve) => setTimeout(resolve, 1));
  await new Promise((resolve) => setTimeout(resolve, 20));
  moment.resolve();
  assert.equal((await page.answer()).status, 502);
  page.close();
  one.route = "open";
  assert.equal((await other.answer()).status, 200);
  other.close();
});

test("a ticket that was used is told by a page, which leads back to the device", async (t) => {
  const one = await scene(t);
  await one.serve(echo);
  const { text, status } = await shown(one, "/.piccolo/enter?ticket=used&path=/", "");
  assert.equal(status, 401);
  assert.match(text, /too old; open the app from the portal/);
  assert.match(text, /To the device/);
});
