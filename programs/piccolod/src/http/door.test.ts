import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { ask, Client, problemOf, refusedWith, TestDevice } from "../../test-support/device.ts";

test("a request for another name is refused before anything else", async (context) => {
  const device = await TestDevice.start(context);
  const { port } = new URL(device.origin);
  for (const host of [
    "evil.example",
    `127.0.0.1:${port}`,
    `localhost:${port}`,
    "device1.localhost",
    `x.device1.localhost:${port}`,
  ]) {
    for (const path of ["/", "/api/v1/status", "/api/v1/files"]) {
      refusedWith(await ask(device.origin, "GET", path, { headers: { host } }), 421, "wrong-host");
    }
  }
  const upper = await ask(device.origin, "GET", "/api/v1/status", { headers: { host: `DEVICE1.localhost:${port}` } });
  assert.equal(upper.status, 200, "names have no case");
});

test("a request that names two hosts is refused, also when the first is the right one", async (context) => {
  const device = await TestDevice.start(context);
  const { port, host } = new URL(device.origin);
  const reply = await new Promise<string>((resolve, reject) => {
    let text = "";
    const socket = connect(Number(port), "127.0.0.1", () =>
      socket.write(`GET /api/v1/status HTTP/1.1\r\nHost: ${host}\r\nHost: evil.example\r\nConnection: close\r\n\r\n`),
    );
    socket.on("data", (bytes: Buffer) => (text += bytes.toString()));
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
  });
  assert.match(reply, /^HTTP\/1\.1 421 /);
  assert.match(reply, /"code":"wrong-host"/);
});

test("a body that a stranger breaks off is no bug of the device's, and its log has no word of it", async (context) => {
  const device = await TestDevice.start(context);
  for (const path of ["/claim", "/session", "/recover"]) {
    const headers = { "content-type": "application/json", "content-length": "100" };
    await assert.rejects(device.client().raw("POST", path, { headers, body: "{", breakOff: true }));
  }
  // It has heard of the broken ones once it answers this.
  assert.equal((await device.client().raw("GET", "/status")).status, 200);
  assert.deepEqual(
    device.logLines.filter((line) => line.includes("request-failed")),
    [],
  );
});

test("without a session only the status is answered", async (context) => {
  const device = await TestDevice.start(context);
  await device.owner();
  const stranger = device.client();
  for (const path of [
    "/session",
    "/files",
    "/files/root",
    "/network",
    "/tasks",
    "/uploads",
    "/events",
    "/trash",
    "/nothing",
  ]) {
    refusedWith(await stranger.raw("GET", path), 401, "sign-in-required");
  }
  refusedWith(await stranger.send("POST", "/files/folders", { parent: "root", name: "x" }), 401, "sign-in-required");
  refusedWith(await stranger.raw("POST", "/uploads"), 401, "sign-in-required");
  assert.equal((await stranger.raw("GET", "/status")).status, 200);
  assert.equal((await stranger.raw("HEAD", "/status")).status, 200);
});

test("a change needs the device's own origin and the session's token", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const folder = { parent: "root", name: "x" };
  const foreign = { origin: "http://evil.example" };
  refusedWith(await owner.send("POST", "/files/folders", folder, foreign), 403, "csrf");
  refusedWith(await owner.send("POST", "/files/folders", folder, { origin: "null" }), 403, "csrf");
  refusedWith(await owner.send("POST", "/files/folders", folder, { "x-piccolo-csrf": "" }), 403, "csrf");
  refusedWith(await owner.send("POST", "/files/folders", folder, { "x-piccolo-csrf": `${owner.csrf}x` }), 403, "csrf");
  const { cookie, origin } = owner;
  const body = JSON.stringify(folder);
  const type = { "content-type": "application/json" };
  const bare = (headers: Record<string, string>) =>
    ask(origin, "POST", "/api/v1/files/folders", { headers: { cookie, ...type, ...headers }, body });
  refusedWith(await bare({ "x-piccolo-csrf": owner.csrf }), 403, "csrf");
  refusedWith(await bare({ origin }), 403, "csrf");
  const login = (headers: Record<string, string>) =>
    ask(origin, "POST", "/api/v1/session", { headers: { ...type, ...headers }, body: '{"password":"x"}' });
  refusedWith(await login({ "x-piccolo-csrf": "" }), 403, "csrf");
  refusedWith(await login({ origin }), 403, "csrf");
  assert.equal((await owner.send("POST", "/files/folders", folder)).status, 201);
});

test("another session's token does not fit", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const second = device.client();
  await second.signIn();
  const headers = { "x-piccolo-csrf": second.csrf };
  refusedWith(await owner.send("POST", "/files/folders", { parent: "root", name: "x" }, headers), 403, "csrf");
});

test("a cookie of another device or of nobody opens nothing", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const token = owner.cookie.split("=")[1] ?? "";
  const cookies = [
    `piccolo_device2=${token}`,
    `piccolo_device1=${"A".repeat(43)}`,
    "piccolo_device1=",
    "piccolo_device1",
  ];
  for (const cookie of cookies) {
    refusedWith(await owner.raw("GET", "/files", { headers: { cookie } }), 401, "sign-in-required");
  }
  const among = `other=1; piccolo_device2=x; piccolo_device1=${token}`;
  assert.equal((await owner.raw("GET", "/files", { headers: { cookie: among } })).status, 200);
});

test("bodies that are no JSON, are too much JSON, or break the contract are told apart", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const post = (body: string, type = "application/json") =>
    owner.raw("POST", "/files/folders", { headers: { "content-type": type }, body });
  refusedWith(await post("{"), 400, "invalid-request");
  refusedWith(await post("[]"), 400, "invalid-request");
  refusedWith(await post('{"parent":"root"}'), 400, "invalid-request");
  refusedWith(await post('{"parent":1,"name":"x"}'), 400, "invalid-request");
  refusedWith(await post('{"parent":"root","name":"x"}', "text/plain"), 415, "unsupported-media-type");
  refusedWith(await post(JSON.stringify({ parent: "root", name: "x".repeat(70_000) })), 413, "body-too-large");
  const chunked = await owner.raw("POST", "/files/folders", {
    headers: { "content-type": "application/json", "transfer-encoding": "chunked" },
    body: JSON.stringify({ parent: "root", name: "x".repeat(70_000) }),
  });
  refusedWith(chunked, 411, "length-required");
  refusedWith(await owner.raw("GET", "/files?limit=0"), 400, "invalid-request");
  refusedWith(await owner.raw("GET", "/files?sort=colour"), 400, "invalid-request");
});

test("a refusal names the place and never repeats the value", async (context) => {
  const device = await TestDevice.start(context);
  const body = { claimCode: "secret-code", ownerName: "Ada", password: "short" };
  const reply = await device.client().send("POST", "/claim", body);
  const problem = refusedWith(reply, 400, "invalid-request");
  assert.match(problem.detail, /password/);
  assert.doesNotMatch(reply.text, /secret-code|short/);
});

test("unknown addresses and methods are problems too", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  refusedWith(await owner.raw("GET", "/nothing"), 404, "unknown-route");
  refusedWith(await owner.raw("PUT", "/files"), 404, "unknown-route");
  refusedWith(
    await ask(device.origin, "GET", "/api/v2/status", { headers: { cookie: owner.cookie } }),
    404,
    "unknown-route",
  );
  refusedWith(await owner.raw("POST", "/events"), 405, "method-not-allowed");
  const patch = await owner.raw("PUT", `/uploads/${"0".repeat(32)}`);
  refusedWith(patch, 405, "method-not-allowed");
  assert.equal(patch.headers["allow"], "HEAD, PATCH, DELETE, OPTIONS");
});

test("every reply carries the security headers, and the interface's are never kept", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  const replies = [
    await owner.raw("GET", "/files"),
    await owner.raw("GET", "/nothing"),
    await ask(device.origin, "GET", "/"),
  ];
  for (const { headers } of replies) {
    const policy = String(headers["content-security-policy"]);
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /script-src[^;]*unsafe-inline/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["referrer-policy"], "no-referrer");
  }
  for (const { headers } of replies.slice(0, 2)) assert.equal(headers["cache-control"], "no-store");
});

test("the portal is served with its pages, and what is no file of it is told", async (context) => {
  const device = await TestDevice.start(context);
  const portal = join(device.folder, "portal");
  mkdirSync(join(portal, "assets"), { recursive: true });
  writeFileSync(join(portal, "index.html"), "<title>Piccolo</title>");
  writeFileSync(join(portal, "assets/app-1a2b.js"), "export {};");
  writeFileSync(join(device.folder, "secret"), "secret");
  const shown = await TestDevice.start(context, { args: ["--portal", portal] });
  const get = (path: string, method = "GET") => ask(shown.origin, method, path);
  for (const path of ["/", "/index.html", "/files/abc", "/settings", "/files/%C3%A4", "/?x=1"]) {
    const page = await get(path);
    assert.equal(page.text, "<title>Piccolo</title>", path);
    assert.equal(page.headers["content-type"], "text/html; charset=utf-8");
    assert.equal(page.headers["cache-control"], "no-cache");
  }
  const script = await get("/assets/app-1a2b.js");
  assert.equal(script.headers["content-type"], "text/javascript; charset=utf-8");
  assert.match(String(script.headers["cache-control"]), /immutable/);
  const head = await get("/assets/app-1a2b.js", "HEAD");
  assert.deepEqual([head.text, head.headers["content-length"]], ["", "10"]);
  refusedWith(await get("/assets/gone.js"), 404, "unknown-route");
  refusedWith(await get(`/${"a".repeat(9_000)}.js`), 404, "unknown-route");
  for (const path of [`/${"a".repeat(9_000)}`, "/a".repeat(4_500)]) assert.equal((await get(path)).status, 200);
  refusedWith(await get("/", "POST"), 405, "method-not-allowed");
  for (const path of [
    "/../secret",
    "/..%2fsecret",
    "/assets/../../secret",
    "//secret",
    "/.hidden",
    "/assets/%2e%2e/%2e%2e/secret",
  ]) {
    assert.notEqual((await get(path)).text, "secret", path);
  }
  refusedWith(await get("/api"), 401, "sign-in-required");
});

test("a device without a portal says so", async (context) => {
  const device = await TestDevice.start(context);
  refusedWith(await ask(device.origin, "GET", "/"), 404, "unknown-route");
});

test("what is no HTTP ends the connection, and the device serves on", async (context) => {
  const device = await TestDevice.start(context);
  const { port } = new URL(device.origin);
  for (const bytes of [
    "\u0000\u0001\u0002\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    `GET / HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(20_000)}\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n`,
    `POST /api/v1/claim HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `POST /api/v1/claim HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
    `CONNECT elsewhere:443 HTTP/1.1\r\nHost: x\r\n\r\n`,
  ]) {
    await new Promise<void>((resolve, reject) => {
      const socket = connect(Number(port), "127.0.0.1", () => socket.write(bytes));
      socket.on("close", () => resolve());
      socket.on("error", reject);
      socket.resume();
    });
  }
  assert.equal((await new Client(device.origin).raw("GET", "/status")).status, 200);
});

test("a bug in a request is told as one, with the details in the log alone", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  device.atCrashPoint = () => {
    throw new TypeError("the inside of the device");
  };
  const reply = await owner.send("POST", "/files/folders", { parent: "root", name: "x" });
  refusedWith(reply, 500, "internal");
  assert.doesNotMatch(reply.text, /inside of the device/);
  assert.ok(device.logLines.some((line) => line.includes("the inside of the device")));
  assert.equal(problemOf(reply).retry, true);
});
