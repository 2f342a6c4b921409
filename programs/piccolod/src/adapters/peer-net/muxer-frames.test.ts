import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { tcp } from "@libp2p/tcp";
import { tls } from "@libp2p/tls";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { realWorld } from "@piccolo/world/real";
import { createLibp2p } from "libp2p";
import { createNode, type Node } from "./libp2p-node.ts";

const listen = ["/ip4/127.0.0.1/tcp/0"];
/** A data frame of stream 1 that announces 4 GiB. */
const endless = Uint8Array.from([0, 0, 0, 1, 0, 0, 0, 1, 255, 255, 255, 255]);
const mostPieces = 320;
const piece = new Uint8Array(65_536);

type MuxerFactory = ReturnType<ReturnType<typeof yamux>>;
type Wire = Parameters<MuxerFactory["createStreamMuxer"]>[0];

/** A node that says on its connections what it likes below its muxer. */
async function startRogue(context: TestContext, listens: readonly string[]) {
  const wires: Wire[] = [];
  const factory = yamux({ enableKeepAlive: false })();
  const create = factory.createStreamMuxer.bind(factory);
  factory.createStreamMuxer = (wire) => {
    wires.push(wire);
    return create(wire);
  };
  const node = await createLibp2p({
    privateKey: await generateKeyPairFromSeed("Ed25519", realWorld.randomBytes(32)),
    addresses: { listen: [...listens] },
    transports: [tcp()],
    connectionEncrypters: [tls()],
    streamMuxers: [() => factory],
  });
  context.after(() => node.stop());
  return { node, wires };
}

async function startDevice(context: TestContext, mostStrangers: number): Promise<Node> {
  const device = await createNode({
    deviceSeed: realWorld.randomBytes(32),
    listen,
    isAllowed: () => false,
    isRelay: () => false,
    isAsked: () => true,
    mostStrangers,
    dialTimeoutMs: 20_000,
  });
  await device.libp2p.start();
  context.after(() => device.libp2p.stop());
  return device;
}

/** Sends the header and 20 MiB behind it, unless the other side cuts the connection before. */
async function flood(wire: Wire): Promise<void> {
  const closed = new Promise((resolve) => {
    wire.addEventListener("close", resolve);
  });
  wire.send(endless);
  for (let sent = 0; sent < mostPieces && wire.status === "open"; sent++) {
    if (!wire.send(piece)) await Promise.race([wire.onDrain().catch(() => undefined), closed]);
  }
}

/** Gives the number of the device's connections, once it is the one waited for. */
async function connectionsOf({ libp2p }: Node, awaited: number): Promise<number> {
  for (let turn = 0; turn < 300 && libp2p.getConnections().length !== awaited; turn++) {
    await realWorld.sleep(10, new AbortController().signal);
  }
  return libp2p.getConnections().length;
}

test("a stranger whose frame announces more than a window is cut off at its header", async (context) => {
  const device = await startDevice(context, 8);
  const { node, wires } = await startRogue(context, []);
  await node.dial(device.libp2p.getMultiaddrs().map((address) => multiaddr(address.toString())));
  assert.equal(await connectionsOf(device, 1), 1);
  await flood(wires[0] ?? assert.fail());
  assert.equal(await connectionsOf(device, 0), 0, "the connection stands after 20 MiB of one frame");
});

test("so is a device that was dialled", async (context) => {
  const device = await startDevice(context, 0);
  const { node, wires } = await startRogue(context, listen);
  await device.libp2p.dial(node.getMultiaddrs().map((address) => multiaddr(address.toString())));
  while (wires.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await connectionsOf(device, 1), 1);
  await flood(wires[0] ?? assert.fail());
  assert.equal(await connectionsOf(device, 0), 0, "the connection stands after 20 MiB of one frame");
});
