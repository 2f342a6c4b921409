import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { identify } from "@libp2p/identify";
import { tcp } from "@libp2p/tcp";
import { tls } from "@libp2p/tls";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { toUtf8 } from "@piccolo/bytes";
import type { PeerHandler } from "@piccolo/storage/ports";
import { type TransportNetwork, transportSuite } from "@piccolo/storage/suites";
import { realWorld } from "@piccolo/world/real";
import { createLibp2p, type Libp2p } from "libp2p";
import { deviceKeyOf } from "./device-peer.ts";
import { createPeerNet, type PeerNet } from "./index.ts";
import { protocol, recoverProtocol } from "./libp2p-path.ts";

const listen = ["/ip4/127.0.0.1/tcp/0"];

interface Device {
  readonly net: PeerNet;
  readonly deviceKey: Uint8Array;
}

async function startDevice(
  context: TestContext,
  options: {
    readonly handler: PeerHandler;
    readonly isAllowed: (deviceKey: Uint8Array) => boolean;
    readonly recover?: PeerHandler;
  },
): Promise<Device> {
  const deviceSeed = realWorld.randomBytes(32);
  const net = createPeerNet({
    deviceSeed,
    listen,
    relay: () => [],
    isRelay: () => false,
    world: realWorld,
    log: () => undefined,
    idleTimeoutMs: 20_000,
    dialTimeoutMs: 20_000,
    ...options,
  });
  await net.start();
  context.after(() => net.stop());
  const { publicKey } = await generateKeyPairFromSeed("Ed25519", deviceSeed);
  return { net, deviceKey: publicKey.raw };
}

/** A node of plain libp2p, without this adapter's manners. */
async function startRogue(context: TestContext): Promise<Libp2p> {
  const node = await createLibp2p({
    privateKey: await generateKeyPairFromSeed("Ed25519", realWorld.randomBytes(32)),
    addresses: { listen },
    transports: [tcp()],
    connectionEncrypters: [tls()],
    streamMuxers: [yamux()],
    services: { identify: identify() },
  });
  context.after(() => node.stop());
  return node;
}

function keyOf(node: Libp2p): Uint8Array {
  const key = deviceKeyOf(node.peerId);
  assert.ok(key !== undefined);
  return key;
}

transportSuite("libp2p", (context): TransportNetwork => {
  return {
    device: async (options) => {
      const { net, deviceKey } = await startDevice(context, options);
      const target = { deviceKey, addresses: net.addresses() };
      return { transport: net.transport, target, stop: () => net.stop() };
    },
    rogueHolder: async ({ bytes, afterwards }) => {
      const node = await startRogue(context);
      await node.handle(protocol, async (stream, connection) => {
        if (bytes.length > 0) stream.send(bytes);
        if (afterwards === "end") await stream.close();
        if (afterwards === "break") setTimeout(() => connection.abort(new Error("gone")), 20);
      });
      return { deviceKey: keyOf(node), addresses: node.getMultiaddrs().map(String) };
    },
    rogueAsker: async (target, { bytes, afterwards }) => {
      const node = await startRogue(context);
      const connection = await node.dial(target.addresses.map((address) => multiaddr(address)));
      const stream = await connection.newStream(protocol);
      const closed = new Promise((resolve) => {
        stream.addEventListener("close", resolve);
      });
      stream.addEventListener("message", () => undefined);
      if (bytes.length > 0) stream.send(bytes);
      if (afterwards === "end") await stream.close();
      if (afterwards === "break") setTimeout(() => connection.abort(new Error("gone")), 20);
      await closed;
    },
  };
});

const echo: PeerHandler = {
  admit: () => ({ bodyBytes: 0, release: () => undefined }),
  handle: (_deviceKey, request) => Promise.resolve(request),
};

const hello = { frame: toUtf8("hello"), body: [] };
const options = (): { maxBodyBytes: number; signal: AbortSignal } => ({
  maxBodyBytes: 0,
  signal: new AbortController().signal,
});

test("an address without a name is dialled, and a device of another key behind it is not talked to", async (context) => {
  const everybody = { handler: echo, isAllowed: () => true };
  const asker = await startDevice(context, everybody);
  const holder = await startDevice(context, everybody);
  const other = await startDevice(context, everybody);
  const addresses = holder.net.addresses().map((address) => address.replace(/\/p2p\/[^/]+$/, ""));
  await assert.rejects(asker.net.transport.request({ deviceKey: other.deviceKey, addresses }, hello, options()), {
    code: "peer-unreachable",
  });
  const reply = await asker.net.transport.request({ deviceKey: holder.deviceKey, addresses }, hello, options());
  assert.deepEqual(reply.frame, hello.frame);
  assert.equal(asker.net.pathTo(holder.deviceKey), "direct");
  assert.equal(holder.net.pathTo(asker.deviceKey), "direct");
  assert.equal(asker.net.pathTo(other.deviceKey), "none");
});

test("addresses that are none, or lead elsewhere, are passed over", async (context) => {
  const everybody = { handler: echo, isAllowed: () => true };
  const asker = await startDevice(context, everybody);
  const holder = await startDevice(context, everybody);
  const bad = ["", "not an address", "/ip4/127.0.0.1", "/ip4/127.0.0.1/tcp/1", "/dns4/nowhere.invalid/tcp/1"];
  await assert.rejects(asker.net.transport.request({ deviceKey: holder.deviceKey, addresses: bad }, hello, options()), {
    code: "peer-unreachable",
  });
  const addresses = [...bad, ...holder.net.addresses()];
  const reply = await asker.net.transport.request({ deviceKey: holder.deviceKey, addresses }, hello, options());
  assert.deepEqual(reply.frame, hello.frame);
});

test("a device that stops being a member is not served any more, though its connection stands", async (context) => {
  let isMember = true;
  const asker = await startDevice(context, { handler: echo, isAllowed: () => true });
  const holder = await startDevice(context, { handler: echo, isAllowed: () => isMember });
  const target = { deviceKey: holder.deviceKey, addresses: holder.net.addresses() };
  await asker.net.transport.request(target, hello, options());
  isMember = false;
  await assert.rejects(asker.net.transport.request(target, hello, options()), { code: "peer-unreachable" });
});

test("a measured clock explains why a device that closes the connection cannot be reached", async (context) => {
  const asker = await startDevice(context, { handler: echo, isAllowed: () => true });
  const holder = await startDevice(context, { handler: echo, isAllowed: () => false });
  const target = { deviceKey: holder.deviceKey, addresses: holder.net.addresses() };
  asker.net.noteClock(holder.deviceKey, -7_200_000);
  await assert.rejects(asker.net.transport.request(target, hello, options()), {
    code: "peer-clock",
    message: /the other device's clock seems to be 2\.0 hours behind/,
  });
});

test("a device that started again at the same key is reached at its new address", async (context) => {
  const asker = await startDevice(context, { handler: echo, isAllowed: () => true });
  const first = await startDevice(context, { handler: echo, isAllowed: () => true });
  const target = { deviceKey: first.deviceKey, addresses: first.net.addresses() };
  await asker.net.transport.request(target, hello, options());
  await first.net.stop();
  await assert.rejects(asker.net.transport.request(target, hello, options()), { code: "peer-unreachable" });
  assert.equal(asker.net.pathTo(first.deviceKey), "none");
});

/** Answers whatever it is asked, and says so. */
const recovering: PeerHandler = {
  admit: () => ({ bodyBytes: 0, release: () => undefined }),
  handle: () => Promise.resolve({ frame: toUtf8("recovering"), body: [] }),
};

test("a stranger may ask for its recovery and for nothing else", async (context) => {
  const handler: PeerHandler = {
    admit: () => assert.fail("a stranger's request is not looked at"),
    handle: () => assert.fail("a stranger's request is not handled"),
  };
  const member = await startDevice(context, { handler, isAllowed: () => false, recover: recovering });
  const stranger = await startDevice(context, { handler, isAllowed: () => false });
  const target = { deviceKey: member.deviceKey, addresses: member.net.addresses() };
  const reply = await stranger.net.recoverTransport.request(target, hello, options());
  assert.deepEqual(reply.frame, toUtf8("recovering"));
  const node = await startRogue(context);
  const connection = await node.dial(target.addresses.map((address) => multiaddr(address)));
  const stream = await connection.newStream(protocol);
  if (stream.status === "open") {
    await new Promise((resolve) => {
      stream.addEventListener("close", resolve);
    });
  }
  assert.notEqual(stream.status, "open");
});

test("a member asks over the ordinary protocol as before, where strangers may recover", async (context) => {
  const holder = await startDevice(context, { handler: echo, isAllowed: () => true, recover: recovering });
  const asker = await startDevice(context, { handler: echo, isAllowed: () => true });
  const target = { deviceKey: holder.deviceKey, addresses: holder.net.addresses() };
  assert.deepEqual((await asker.net.transport.request(target, hello, options())).frame, hello.frame);
  assert.deepEqual((await asker.net.recoverTransport.request(target, hello, options())).frame, toUtf8("recovering"));
});

test("a device that lets no stranger in does not answer one that recovers, and dials none of its own accord", async (context) => {
  const member = await startDevice(context, { handler: echo, isAllowed: () => false });
  const stranger = await startDevice(context, { handler: echo, isAllowed: () => false });
  const target = { deviceKey: member.deviceKey, addresses: member.net.addresses() };
  await assert.rejects(stranger.net.recoverTransport.request(target, hello, options()), { code: "peer-unreachable" });
  await assert.rejects(stranger.net.transport.request(target, hello, options()), { code: "peer-unreachable" });
});

test("no more than eight strangers are let in at once, and they keep no member out", async (context) => {
  const members: Uint8Array[] = [];
  const isAllowed = (key: Uint8Array): boolean => members.some((member) => Buffer.compare(key, member) === 0);
  const holder = await startDevice(context, { handler: echo, isAllowed, recover: recovering });
  const addresses = holder.net.addresses();
  const dial = async (): Promise<boolean> => {
    const node = await startRogue(context);
    try {
      const connection = await node.dial(addresses.map((address) => multiaddr(address)));
      const stream = await connection.newStream(recoverProtocol);
      return stream.status === "open";
    } catch {
      return false;
    }
  };
  const letIn: boolean[] = [];
  for (let at = 0; at < 10; at++) letIn.push(await dial());
  assert.equal(letIn.filter(Boolean).length, 8);
  const member = await startDevice(context, { handler: echo, isAllowed: () => true });
  members.push(member.deviceKey);
  const target = { deviceKey: holder.deviceKey, addresses };
  assert.deepEqual((await member.net.transport.request(target, hello, options())).frame, hello.frame);
});
