import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { ConnectionShares, limitConnections, type Shares } from "./connection-shares.ts";

test("a network has its share of the connections, and so has everybody together", () => {
  const shares = new ConnectionShares({ ofNetwork: 2, ofAll: 3 });
  const first = shares.begin("2001:db8::1");
  assert.ok(first !== undefined && shares.begin("2001:db8:0:0:ffff::2") !== undefined);
  assert.equal(shares.begin("2001:db8::3"), undefined, "one IPv6 network has one share");
  assert.ok(shares.begin("::ffff:192.0.2.1") !== undefined);
  assert.equal(shares.begin("192.0.2.2"), undefined, "all together are too many");
  first();
  first();
  assert.ok(shares.begin("192.0.2.1") !== undefined);
  assert.equal(shares.begin("192.0.2.9"), undefined, "what ended twice is free once");
});

async function listen(context: TestContext, most: Shares): Promise<Server> {
  const server = createServer((socket) => socket.on("error", () => undefined));
  limitConnections(server, most);
  await once(server.listen(0, "0.0.0.0"), "listening");
  context.after(() => server.close());
  return server;
}

/** Whether the server keeps a connection from there. */
async function isTaken(context: TestContext, server: Server, localAddress: string): Promise<boolean> {
  const { port } = server.address() as AddressInfo;
  const arrived = Promise.race([
    once(server, "connection").then(([socket]) => !(socket as Socket).destroyed),
    once(server, "drop").then(() => false),
  ]);
  const socket = connect({ host: "127.0.0.1", port, localAddress });
  socket.on("error", () => undefined);
  context.after(() => socket.destroy());
  return arrived;
}

test("a server takes so many connections, and what comes from the machine itself has no smaller share", async (context) => {
  const server = await listen(context, { ofNetwork: 1, ofAll: 3 });
  for (const expected of [true, true, true, false, false]) {
    assert.equal(await isTaken(context, server, "127.0.0.1"), expected);
  }
});

test("another address has its share, and gets it back with each connection that ends", async (context) => {
  const server = await listen(context, { ofNetwork: 2, ofAll: 100 });
  const connected = once(server, "connection");
  assert.ok(await isTaken(context, server, "127.0.0.2"));
  const [first] = (await connected) as [Socket];
  assert.ok(await isTaken(context, server, "127.0.0.2"));
  assert.equal(await isTaken(context, server, "127.0.0.2"), false);
  assert.ok(await isTaken(context, server, "127.0.0.3"));
  assert.ok(await isTaken(context, server, "127.0.0.1"));
  first.destroy();
  await once(first, "close");
  assert.ok(await isTaken(context, server, "127.0.0.2"));
});
