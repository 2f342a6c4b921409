import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { type ClientRequest, request as httpRequest } from "node:http";
import { createServer, request as httpsRequest } from "node:https";
import { type AddressInfo, connect as connectTcp, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { connect } from "node:tls";
import { toUtf8 } from "@piccolo/bytes";
import type { PeerHandler, PeerTarget } from "@piccolo/storage/ports";
import { type TransportNetwork, transportSuite } from "@piccolo/storage/suites";
import { realWorld } from "@piccolo/world/real";
import { bulkAddressOf } from "./bulk-path.ts";
import { bulkPath } from "./bulk-server.ts";
import { certifiedKey, channelCertificate, type ChannelCertificate } from "./channel-certificate.ts";
import { createPeerNet, type PeerNet } from "./index.ts";

const isBulk = (address: string): boolean => address.endsWith("/tls/http");

interface Device {
  readonly net: PeerNet;
  readonly certificate: ChannelCertificate;
  readonly target: PeerTarget;
}

async function startDevice(
  context: TestContext,
  options: { readonly handler: PeerHandler; readonly isAllowed: (deviceKey: Uint8Array) => boolean },
  deviceSeed: Uint8Array = realWorld.randomBytes(32),
): Promise<Device> {
  const net = createPeerNet({
    deviceSeed,
    listen: ["/ip4/127.0.0.1/tcp/0"],
    bulk: { host: "127.0.0.1", port: 0 },
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
  const certificate = channelCertificate(deviceSeed);
  return { net, certificate, target: { deviceKey: certificate.deviceKey, addresses: net.addresses() } };
}

/** Options of a side that shows this certificate and asks nothing of the other. */
function showing({ cert, key }: ChannelCertificate): {
  readonly cert: string;
  readonly key: string;
  readonly rejectUnauthorized: false;
} {
  return { cert, key: key.export({ format: "pem", type: "pkcs8" }), rejectUnauthorized: false };
}

const newCertificate = (): ChannelCertificate => channelCertificate(realWorld.randomBytes(32));

function portOf(target: PeerTarget): number {
  return Number(/\/tcp\/(\d+)\/tls\/http$/.exec(target.addresses.find(isBulk) ?? "")?.[1]);
}

/** Resolves when the other side is done with the request, in whatever way. */
function over(request: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    request.on("response", (response) => response.resume());
    request.on("error", () => undefined);
    request.on("close", () => resolve());
  });
}

transportSuite("direct mutual TLS", (context): TransportNetwork => {
  return {
    device: async (options) => {
      const { net, target } = await startDevice(context, options);
      const addresses = target.addresses.filter(isBulk);
      return { transport: net.transport, target: { ...target, addresses }, stop: () => net.stop() };
    },
    rogueHolder: async ({ bytes, afterwards }) => {
      const certificate = newCertificate();
      const server = createServer({ ...showing(certificate), requestCert: true }, (_request, response) => {
        response.writeHead(200);
        response.flushHeaders();
        response.write(bytes);
        if (afterwards === "end") response.end();
        if (afterwards === "break") setTimeout(() => response.socket?.destroy(), 20);
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      context.after(() => {
        server.closeAllConnections();
        server.close();
      });
      const { port } = server.address() as AddressInfo;
      return { deviceKey: certificate.deviceKey, addresses: [bulkAddressOf("127.0.0.1", port)] };
    },
    rogueAsker: async (target, { bytes, afterwards }) => {
      const request = httpsRequest({
        ...showing(newCertificate()),
        host: "127.0.0.1",
        port: portOf(target),
        path: bulkPath,
        method: "POST",
        agent: false,
      });
      const done = over(request);
      request.write(bytes);
      if (afterwards === "end") request.end();
      if (afterwards === "break") setTimeout(() => request.destroy(), 20);
      await done;
    },
  };
});

const echo: PeerHandler = {
  admit: () => ({ bodyBytes: 100, release: () => undefined }),
  handle: (_deviceKey, request) => Promise.resolve(request),
};
const everybody = { handler: echo, isAllowed: (): boolean => true };
const hello = { frame: toUtf8("hello"), body: [] };
const options = (): { maxBodyBytes: number; signal: AbortSignal } => ({
  maxBodyBytes: 100,
  signal: new AbortController().signal,
});

test("the certificate of a device carries its key, is the same every time, and X.509 to others", () => {
  const seed = realWorld.randomBytes(32);
  const { cert, deviceKey } = channelCertificate(seed);
  assert.equal(channelCertificate(seed).cert, cert);
  const parsed = new X509Certificate(cert);
  assert.deepEqual(certifiedKey(parsed), deviceKey);
  assert.ok(parsed.verify(parsed.publicKey));
  assert.equal(parsed.subject, "CN=piccolo device");
  assert.ok(parsed.validFromDate.getTime() === 0 && parsed.validToDate.getUTCFullYear() === 9999);
});

test("a certificate of another kind of key carries no device key", () => {
  assert.equal(certifiedKey(undefined), undefined);
  // 32 bytes are no Ed448 key, and whoever asks for it fails.
  const { cert, deviceKey } = channelCertificate(realWorld.randomBytes(32));
  const spoilt = Buffer.from(new X509Certificate(cert).raw);
  spoilt[spoilt.indexOf(deviceKey) - 4] = 0x71;
  assert.throws(() => new X509Certificate(spoilt).publicKey);
  assert.equal(certifiedKey(new X509Certificate(spoilt)), undefined);
});

test("a device without a certificate, or one that speaks no TLS, is cut off", async (context) => {
  let asked = 0;
  const counting: PeerHandler = {
    ...echo,
    admit: () => {
      asked++;
      return { bodyBytes: 0, release: () => undefined };
    },
  };
  const { target } = await startDevice(context, { handler: counting, isAllowed: () => true });
  const port = portOf(target);
  const place = { host: "127.0.0.1", port, path: bulkPath, method: "POST", agent: false } as const;
  const naked = httpsRequest({ ...place, rejectUnauthorized: false });
  const plain = httpRequest(place);
  const both = [over(naked), over(plain)];
  naked.end("x");
  plain.end("x");
  await Promise.all(both);
  assert.equal(asked, 0);
});

test("TLS below 1.3 is refused", async (context) => {
  const { target } = await startDevice(context, everybody);
  const socket = connect({
    ...showing(newCertificate()),
    host: "127.0.0.1",
    port: portOf(target),
    maxVersion: "TLSv1.2",
  });
  const error = await new Promise<NodeJS.ErrnoException>((resolve) => socket.once("error", resolve));
  assert.equal(error.code, "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
});

test("nothing but the one path is served", async (context) => {
  const { target } = await startDevice(context, everybody);
  const request = httpsRequest({
    ...showing(newCertificate()),
    host: "127.0.0.1",
    port: portOf(target),
    path: "/",
    agent: false,
  });
  const status = new Promise((resolve) => {
    request.on("response", (response) => resolve(response.statusCode));
  });
  request.end();
  assert.equal(await status, 404);
});

test("an address where nobody answers is passed over, and libp2p carries the request", async (context) => {
  const asker = await startDevice(context, everybody);
  const holder = await startDevice(context, everybody);
  const addresses = [bulkAddressOf("127.0.0.1", 1), ...holder.target.addresses.filter((address) => !isBulk(address))];
  const reply = await asker.net.transport.request({ ...holder.target, addresses }, hello, options());
  assert.deepEqual(reply.frame, hello.frame);
  assert.equal(asker.net.pathTo(holder.target.deviceKey), "direct");
});

test("an address where another device answers is passed over before that device learns of the request", async (context) => {
  const heard: Uint8Array[] = [];
  const listening: PeerHandler = {
    ...echo,
    admit: (_deviceKey, frame) => {
      heard.push(frame);
      return { bodyBytes: 0, release: () => undefined };
    },
  };
  const asker = await startDevice(context, everybody);
  const holder = await startDevice(context, everybody);
  const other = await startDevice(context, { handler: listening, isAllowed: () => true });
  const addresses = [...other.target.addresses, ...holder.target.addresses.filter((address) => !isBulk(address))];
  const reply = await asker.net.transport.request({ ...holder.target, addresses }, hello, options());
  assert.deepEqual(reply.frame, hello.frame);
  assert.deepEqual(heard, []);
});

test("a holder that started again is reached, though kept connections to it are dead", async (context) => {
  const seed = realWorld.randomBytes(32);
  const asker = await startDevice(context, everybody);
  const first = await startDevice(context, everybody, seed);
  await Promise.all(Array.from({ length: 8 }, () => asker.net.transport.request(first.target, hello, options())));
  await first.net.stop();
  const second = await startDevice(context, everybody, seed);
  const reply = await asker.net.transport.request(second.target, hello, options());
  assert.deepEqual(reply.frame, hello.frame);
});

test("a member that is removed is not served any more, though its connection is kept", async (context) => {
  let isMember = true;
  const asker = await startDevice(context, everybody);
  const holder = await startDevice(context, { handler: echo, isAllowed: () => isMember });
  await asker.net.transport.request(holder.target, hello, options());
  isMember = false;
  await assert.rejects(asker.net.transport.request(holder.target, hello, options()), { code: "peer-unreachable" });
});

test("a flood of connections of one device is bounded", async (context) => {
  const { target } = await startDevice(context, everybody);
  const certificate = showing(newCertificate());
  const sockets: Socket[] = [];
  context.after(() => sockets.forEach((socket) => socket.destroy()));
  const ended: Promise<void>[] = [];
  for (let at = 0; at < 33; at++) {
    const socket = connect({ ...certificate, host: "127.0.0.1", port: portOf(target) });
    socket.on("error", () => undefined);
    sockets.push(socket);
    ended.push(new Promise((resolve) => socket.once("close", () => resolve())));
  }
  await Promise.race(ended);
});
test("a handshake that is under way does not keep a device from stopping", async (context) => {
  const { net, target } = await startDevice(context, { handler: echo, isAllowed: () => true });
  const raw = connectTcp(portOf(target), "127.0.0.1");
  raw.on("error", () => undefined);
  await once(raw, "connect");
  // Nothing has been said on the connection when the device begins to stop; afterwards the other side goes on.
  const stopped = net.stop();
  const secure = connect({ ...showing(newCertificate()), socket: raw });
  secure.on("error", () => undefined);
  const ended = new Promise((resolve) => secure.once("close", resolve));
  await stopped;
  await ended;
});
