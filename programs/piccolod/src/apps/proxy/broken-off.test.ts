import assert from "node:assert/strict";
import { test } from "node:test";
import { ProxyScene } from "../../../test-support/proxy-scene.ts";

for (const isSecure of [false, true]) {
  test(`an answer that the app breaks off ends for older visitors, too, and for nobody else (${isSecure ? "HTTPS" : "HTTP"})`, async (t) => {
    const one = await ProxyScene.open({ isSecure });
    t.after(() => one.close());
    const { cookie } = one.signIn();
    for (const body of [
      "Content-Length: 100\r\n\r\n1",
      "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n",
    ]) {
      await one.serveRaw((socket) => socket.once("data", () => socket.end(`HTTP/1.1 200 OK\r\n${body}`)));
      for (const version of ["1.0", "1.1"]) {
        const visitor = one.visitor();
        visitor.say(one.head("GET /", cookie).replace("HTTP/1.1", `HTTP/${version}`));
        assert.doesNotMatch(await visitor.ended(), /0\r\n\r\n$/);
        visitor.close();
      }
    }
    await one.serve((_req, res) => res.end("here"));
    const visitor = one.visitor();
    visitor.say(one.head("GET /", cookie));
    assert.equal((await visitor.answer()).body, "here");
    visitor.close();
  });
}
