import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { tcp } from "@libp2p/tcp";
import { tls } from "@libp2p/tls";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { toUtf8 } from "@piccolo/bytes";
import type { PeerHandler, PeerTarget } from "@piccolo/storage/ports";
import { realWorld } from "@piccolo/world/real";
import { createLibp2p } from "libp2p";
import { channelCertificate } from "./channel-certificate.ts";
import { mostPending } from "./inbound-shares.ts";
import { createPeerNet, type PeerNet } from "./index.ts";

const echo: PeerHandler = {
  admit: () => ({ bodyBytes: 0, release: () => undefined }),
  handle: (_deviceKey, request) => Promise.resolve(request),
};
const hello = { frame: toUtf8("hello"), body: [] };

interface Device {
  readonly net: PeerNet;
  readonly target: PeerTarget;
}

async function startDevice(context: TestContext): Promise<Device> {
  const deviceSeed = realWorld.randomBytes(32);
  const net = createPeerNet({
    deviceSeed,
    listen: ["/ip4/127.0.0.1/tcp/0"],
    bulk: { host: "127.0.0.1", port: 0 },
    relay: () => [],
    isRelay: () => false,
    isAllowed: () => true,
    handler: echo,
    world: realWorld,
    log: () => undefined,
    idleTimeoutMs: 800,
    dialTimeoutMs: 5_000,
  });
  await net.start();
  context.after(() => net.stop());
  const { deviceKey } = channelCertificate(deviceSeed);
  return { net, target: { deviceKey, addresses: net.addresses() } };
}

function addressOf({ target }: Device, path: "libp2p" | "direct"): string {
  const address = target.addresses.find((one) => one.includes("/http") === (path === "direct"));
  return address ?? assert.fail();
}

/** Connections from one other address that never say anything. */
async function fallSilent(context: TestContext, address: string, mutes: number): Promise<readonly Socket[]> {
  const port = Number(/\/tcp\/(\d+)/.exec(address)?.[1]);
  const sockets: Socket[] = [];
  for (let at = 0; at < mutes; at++) {
    const socket = connect({ host: "127.0.0.1", port, localAddress: "127.0.0.2" });
    socket.on("error", () => undefined);
    socket.resume();
    context.after(() => socket.destroy());
    // Whoever is turned away may hear of it before it has connected.
    await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
    sockets.push(socket);
  }
  return sockets;
}

/** How many are still open, once they are as few as may be. */
async function stillOpen(sockets: readonly Socket[], most: number): Promise<number> {
  const open = (): number => sockets.filter(({ closed }) => !closed).length;
  for (let turn = 0; turn < 200 && open() > most; turn++) {
    await realWorld.sleep(10, new AbortController().signal);
  }
  return open();
}

for (const path of ["libp2p", "direct"] as const) {
  test(`the connections of one address that say nothing are few, and keep no member out (${path})`, async (context) => {
    const device = await startDevice(context);
    const member = await startDevice(context);
    const address = addressOf(device, path);
    const { ofNetwork } = mostPending[path];
    const sockets = await fallSilent(context, address, ofNetwork + 60);
    assert.ok((await stillOpen(sockets, ofNetwork)) <= ofNetwork);
    const target = { ...device.target, addresses: [address] };
    const options = { maxBodyBytes: 0, signal: new AbortController().signal };
    assert.deepEqual((await member.net.transport.request(target, hello, options)).frame, hello.frame);
  });
}

test("of the connections that one device makes the newest four stay", async (context) => {
  const device = await startDevice(context);
  const node = await createLibp2p({
    privateKey: await generateKeyPairFromSeed("Ed25519", realWorld.randomBytes(32)),
    transports: [tcp()],
    connectionEncrypters: [tls()],
    streamMuxers: [yamux()],
  });
  context.after(() => node.stop());
  const made: Awaited<ReturnType<typeof node.dial>>[] = [];
  for (let at = 0; at < 7; at++) {
    // With another address for the same place the library makes another connection.
    made.push(await node.dial(multiaddr(addressOf(device, "libp2p")), { force: true }));
  }
  const isOpen = (): boolean[] => made.map(({ status }) => status === "open");
  const expected = [false, false, false, true, true, true, true];
  for (let turn = 0; turn < 200 && isOpen().join() !== expected.join(); turn++) {
    await realWorld.sleep(10, new AbortController().signal);
  }
  assert.deepEqual(isOpen(), expected);
});
