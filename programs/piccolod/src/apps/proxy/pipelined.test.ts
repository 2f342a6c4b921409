import assert from "node:assert/strict";
import { test } from "node:test";
import { ProxyScene } from "../../../test-support/proxy-scene.ts";

const switches = {
  "a WebSocket": [
    "GET /share/ws",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ],
  "a WebSocket with a body": ["GET /share/ws", "Connection: Upgrade", "Upgrade: websocket", "Content-Length: 5"],
  "a tunnel": ["CONNECT notes.localhost:443"],
} as const;

for (const [what, [first, ...lines]] of Object.entries(switches)) {
  test(`requests that wait in line before ${what} end with their connection`, { timeout: 30_000 }, async (t) => {
    const one = await ProxyScene.open();
    t.after(() => one.close());
    one.showAll("/share/*");
    // It answers nobody.
    await one.serve(() => undefined);
    for (const before of [1, 3]) {
      const visitor = one.visitor();
      visitor.say(one.head("GET /share/slow", "").repeat(before));
      while (one.appConnections < before) await new Promise((resolve) => setTimeout(resolve, 5));
      visitor.say(one.head(first, "", ...lines));
      visitor.socket.end();
      await visitor.ended();
      await one.hosts.drained("notes");
      while (one.appConnections + (await one.visitorConnections()) > 0) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      visitor.close();
    }
  });
}

test(
  "an answer in line that the app breaks off ends the connection, and so does the session's end",
  { timeout: 30_000 },
  async (t) => {
    const one = await ProxyScene.open();
    t.after(() => one.close());
    one.showAll("/share/*");
    const { cookie, session } = one.signIn();
    for (const how of ["broken off", "cut"]) {
      const first = Promise.withResolvers<void>();
      const second = Promise.withResolvers<void>();
      await one.serve((req, res) => {
        if (req.url === "/share/first") {
          void first.promise.then(() => res.end("first"));
          return;
        }
        res.write("half");
        second.promise.then(
          () => res.destroy(),
          () => undefined,
        );
      });
      const visitor = one.visitor();
      visitor.say(one.head("GET /share/first", "") + one.head("GET /share/second", cookie));
      while (one.appConnections < 2) await new Promise((resolve) => setTimeout(resolve, 5));
      if (how === "cut") one.sessions.end(session.tokenHash);
      else second.resolve();
      // Either way the second one's connection to the app goes.
      while (one.appConnections > 1) await new Promise((resolve) => setTimeout(resolve, 5));
      first.resolve();
      assert.doesNotMatch(await visitor.ended(), /half\r\n0\r\n/);
      while ((await one.visitorConnections()) > 0) await new Promise((resolve) => setTimeout(resolve, 5));
      visitor.close();
    }
  },
);
