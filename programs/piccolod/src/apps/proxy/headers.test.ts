import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isIdentityHeader,
  isPublicPath,
  keptTrailers,
  replyHeaders,
  requestLines,
  takesMessageAlong,
  type Visit,
} from "./headers.ts";

const visit: Visit = {
  app: "notes",
  host: "notes.localhost:8701",
  scheme: "http",
  remote: "127.0.0.1",
  owner: "Ada",
};

const sent = (raw: readonly string[], upgrade?: string, by = visit): ReadonlyMap<string, string> =>
  new Map(
    requestLines(raw, by, upgrade)
      .split("\r\n")
      .filter((line) => line !== "")
      .map((line): [string, string] => {
        const colon = line.indexOf(": ");
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)];
      }),
  );

test("headers that say who is asking are dropped in every spelling", () => {
  for (const name of [
    "X-Forwarded-User",
    "x_forwarded_user",
    "X-FORWARDED_For",
    "X.Forwarded.Host",
    "Remote-User",
    "REMOTE_USER",
    "Forwarded",
    "X-Real-IP",
    "X-Piccolo-User",
    "x_piccolo_user",
    "X-Remote-User",
    "X-Auth-Request-Email",
    "X-Auth-User",
    "X-WEBAUTH-USER",
    "X-authentik-username",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Client-Cert",
    "SSL_CLIENT_S_DN",
    "True-Client-IP",
    "X-User",
    "X-Groups",
    "X-User-Email",
    "x_sso_user",
    "X-Vouch-User",
    "X-Vouch-IdP-Claims-Name",
    "X-Pomerium-Jwt-Assertion",
    "X-Consumer-Username",
    "X-Consumer-Custom-Id",
  ]) {
    assert.ok(isIdentityHeader(name), name);
    const value = sent([name, "mallory"]).get(name.toLowerCase());
    assert.ok(value === undefined || !value.includes("mallory"), name);
  }
});

test("what an app's own page sends is kept", () => {
  const kept = ["Authorization", "User-Agent", "X-Requested-With", "X-CSRF-Token", "Accept", "X-Auth-Token", "Origin"];
  for (const name of kept) assert.equal(sent([name, "own"]).get(name.toLowerCase()), "own", name);
});

test("the app hears of the visitor from the device alone", () => {
  const headers = sent(["X-Forwarded-For", "6.6.6.6", "Host", "evil", "X-Piccolo-User", "mallory"]);
  assert.deepEqual(
    ["host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-piccolo-user"].map((name) =>
      headers.get(name),
    ),
    ["notes.localhost:8701", "127.0.0.1", "http", "notes.localhost:8701", "Ada"],
  );
});

test("a connection's own headers, and those it names, go no further", () => {
  const headers = sent([
    "Connection",
    "close, X-Secret-Hop",
    "X-Secret-Hop",
    "1",
    "TE",
    "trailers",
    "Upgrade",
    "h2c",
    "Proxy",
    "http://evil",
  ]);
  for (const name of ["connection", "x-secret-hop", "te", "upgrade", "proxy"])
    assert.equal(headers.get(name), undefined, name);
  const upgraded = sent(["Connection", "Upgrade", "Upgrade", "websocket", "X-Forwarded-User", "m"], "websocket");
  assert.deepEqual([upgraded.get("connection"), upgraded.get("upgrade")], ["Upgrade", "websocket"]);
  assert.equal(upgraded.get("x-forwarded-user"), undefined);
});

test("what belongs to the message goes with it, whatever a connection names", () => {
  for (const named of [
    "content-length",
    "close, Content-Length",
    "x ,\tTransfer-Encoding",
    "HOST",
    "Cookie",
    "Authorization",
  ]) {
    assert.ok(takesMessageAlong(named), named);
  }
  for (const named of [undefined, "close", "keep-alive, X-Hop", "Upgrade", "TE, close", "HTTP2-Settings"]) {
    assert.ok(!takesMessageAlong(named), String(named));
  }
  const raw = ["Connection", "Content-Length, Content-Type", "Content-Length", "3", "Content-Type", "text/plain"];
  assert.deepEqual([sent(raw).get("content-length"), sent(raw).get("content-type")], ["3", "text/plain"]);
  assert.deepEqual(replyHeaders(raw), ["Content-Length", "3", "Content-Type", "text/plain"]);
});

test("no other spelling stands beside a header that frames a message, or is the device's to say", () => {
  for (const name of [
    "Content_Length",
    "content_length",
    "Content.Length",
    "CONTENT_TYPE",
    "Content_Encoding",
    "Content_Range",
    "Transfer_Encoding",
    "transfer.encoding",
    "Proxy_Authorization",
    "Keep_Alive",
    "Host_",
    "_Host",
    "Cookie_",
    "Authorization_",
    "Expect_",
    "Upgrade_",
    "Connection_",
  ]) {
    assert.deepEqual([...sent([name, "0"]).keys()], [...sent([]).keys()], name);
    assert.deepEqual(keptTrailers([name, "0"]), [], name);
    assert.deepEqual(replyHeaders([name, "0"]), [], name);
  }
  const own = ["Content-Length", "3", "Content_Length", "0", "content-TYPE", "text/plain", "X_Mine", "1"];
  assert.deepEqual(
    ["content-length", "content_length", "content-type", "x_mine"].map((name) => sent(own).get(name)),
    ["3", undefined, "text/plain", "1"],
  );
});

test("the device's cookies stay with the device, an app's own go through", () => {
  const cookie = "piccolo_device1=secret; theme=dark; PICCOLO_app_device1=s; __Host-piccolo-x=s; session=1";
  assert.equal(sent(["Cookie", cookie]).get("cookie"), "theme=dark; session=1");
  assert.equal(sent(["Cookie", "piccolo_device1=secret"]).get("cookie"), undefined);
});

test("an answer sets no cookie for other hosts or in the device's name, and says nothing for the device", () => {
  const raw = [
    ["Set-Cookie", "a=1; Path=/"],
    ["Set-Cookie", "b=1; Domain=localhost"],
    ["Set-Cookie", "c=1; domain = .localhost"],
    ["Set-Cookie", "piccolo_device1=x"],
    // A browser keeps it without a name, and gives back what follows the sign.
    ["Set-Cookie", "=piccolo_device1=x"],
    ["Set-Cookie", " =\t__Host-piccolo_device1=x"],
    ["Strict-Transport-Security", "max-age=1"],
    ["X-Piccolo-User", "x"],
    ["Connection", "X-Hop"],
    ["X-Hop", "1"],
    ["Content-Type", "text/html"],
  ].flat();
  assert.deepEqual(replyHeaders(raw), ["Set-Cookie", "a=1; Path=/", "Content-Type", "text/html"]);
});

test("no name an owner has makes a header line of its own", () => {
  for (const owner of ["Ada\r\nX-Admin: 1", "Jörg", "用户", " Ada", "", "a\u0000b"]) {
    const value = sent([], undefined, { ...visit, owner }).get("x-piccolo-user") ?? "";
    assert.match(value, /^[\x21-\x7e]*$/, owner);
    assert.equal(decodeURIComponent(value), owner);
  }
});

test("names made up by the thousand are treated as they should be, also when nothing more is remembered of them", () => {
  const names = Array.from({ length: 3_000 }, (_, at) => `X-Made-Up-${at}`);
  const headers = sent([...names.flatMap((name) => [name, "1"]), "X_Forwarded_Group", "root", "X-Last", "1"]);
  assert.equal(headers.get("x-made-up-2999"), "1");
  assert.equal(headers.get("x_forwarded_group"), undefined);
  assert.equal(headers.get("x-last"), "1");
});

test("after a body nothing comes that a server could take for who asks or how long it is", () => {
  const raw = [
    "X-Forwarded-User",
    "Content-Length",
    "Transfer-Encoding",
    "Cookie",
    "Set-Cookie",
    "Host",
    "Authorization",
  ];
  assert.deepEqual(keptTrailers([...raw.flatMap((name) => [name, "x"]), "Grpc-Status", "0"]), ["Grpc-Status", "0"]);
});

test("only a path that can be read in one way is public", () => {
  const granted = ["/share/*", "/robots.txt", "/"];
  for (const path of ["/share/", "/share/a/b?x=/../", "/robots.txt", "/robots.txt?a", "/", "/share"]) {
    assert.ok(isPublicPath(path, granted), path);
  }
  for (const path of [
    "/shared",
    "/share/../admin",
    "/share/./x",
    "/share//admin",
    "/share/%2e%2e/admin",
    "/share/..%2fadmin",
    "/share/..\\admin",
    "/share/a;/../../admin",
    "/share/..;/admin",
    "/share/.;/admin",
    "/share/;x=1/../admin",
    "/share/a;x",
    "/Share/x",
    "/robots.txt/",
    "//share/x",
    "/share/\u0000",
  ]) {
    assert.ok(!isPublicPath(path, granted), path);
  }
});
