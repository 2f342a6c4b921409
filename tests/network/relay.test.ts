/** Two devices that listen nowhere, and central's relay between them. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { circuitRelayServer } from "@libp2p/circuit-relay-v2";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { identify } from "@libp2p/identify";
import { tcp } from "@libp2p/tcp";
import { tls } from "@libp2p/tls";
import { yamux } from "@libp2p/yamux";
import { equalConstantTime, toUtf8 } from "@piccolo/bytes";
import type { PeerHandler } from "@piccolo/storage/ports";
import { realWorld } from "@piccolo/world/real";
import { createLibp2p } from "libp2p";
import { RelayFolder } from "../../programs/central/src/relay/folder.ts";
import { type Relay, startRelay } from "../../programs/central/src/relay/relay.ts";
import { createPeerNet, type PeerNet } from "../../programs/piccolod/src/adapters/peer-net/index.ts";

const mebibyte = 1_048_576;

/** Gives the body back, backwards, so that nothing can be mistaken for an echo of the channel. */
const reversing: PeerHandler = {
  admit: () => ({ bodyBytes: 8 * mebibyte, release: () => undefined }),
  handle: (_deviceKey, { frame, body }) => Promise.resolve({ frame, body: body.map((part) => part.toReversed()) }),
};

interface Device {
  readonly net: PeerNet;
  readonly deviceKey: Uint8Array;
}

async function startDevice(
  context: TestContext,
  relay: () => readonly string[],
  isAllowed: (deviceKey: Uint8Array) => boolean = () => true,
): Promise<Device> {
  const deviceSeed = realWorld.randomBytes(32);
  const net = createPeerNet({
    deviceSeed,
    listen: [],
    relay,
    isAllowed,
    isRelay: () => true,
    handler: reversing,
    world: realWorld,
    log: () => undefined,
  });
  await net.start();
  context.after(() => net.stop());
  const { publicKey } = await generateKeyPairFromSeed("Ed25519", deviceSeed);
  return { net, deviceKey: publicKey.raw };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await realWorld.sleep(20);
}

const isReserved = ({ net }: Device): boolean =>
  net.addresses().some((address) => address.includes("/p2p-circuit/p2p/"));

function stateFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-relay-"));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function centralRelay(folder: string, share: () => boolean = () => true): Promise<Relay> {
  return startRelay({
    folder: new RelayFolder(folder, realWorld),
    listen: "/ip4/127.0.0.1/tcp/0",
    gate: { isRegistered: () => true, share },
    world: realWorld,
    log: { error: () => undefined },
  });
}

async function askFor(asker: Device, holder: Device, body: Uint8Array): Promise<Uint8Array> {
  const target = { deviceKey: holder.deviceKey, addresses: holder.net.addresses() };
  const options = { maxBodyBytes: body.length, signal: new AbortController().signal };
  const reply = await asker.net.transport.request(target, { frame: toUtf8("reverse"), body: [body] }, options);
  const [only] = reply.body;
  assert.ok(only !== undefined);
  return only;
}

test("under the library's own limits a relayed connection breaks within the first fragment", async (context) => {
  const relay = await createLibp2p({
    addresses: { listen: ["/ip4/127.0.0.1/tcp/0"] },
    transports: [tcp()],
    connectionEncrypters: [tls()],
    streamMuxers: [yamux()],
    services: { identify: identify(), relay: circuitRelayServer() },
  });
  context.after(() => relay.stop());
  const addresses = relay.getMultiaddrs().map(String);
  const [asker, holder] = await Promise.all([
    startDevice(context, () => addresses),
    startDevice(context, () => addresses),
  ]);
  await until(() => isReserved(holder));
  assert.equal((await askFor(asker, holder, realWorld.randomBytes(1_000))).length, 1_000);
  await assert.rejects(askFor(asker, holder, realWorld.randomBytes(mebibyte)), { code: "peer-unreachable" });
});

test("the relay does not connect devices that share no network", async (context) => {
  const relay = await centralRelay(stateFolder(context), () => false);
  context.after(() => relay.stop());
  const [asker, holder] = await Promise.all([
    startDevice(context, () => relay.multiaddrs),
    startDevice(context, () => relay.multiaddrs),
  ]);
  await until(() => isReserved(holder));
  await assert.rejects(askFor(asker, holder, realWorld.randomBytes(10)), { code: "peer-unreachable" });
});

test("a device lets no stranger in through the relay", async (context) => {
  const relay = await centralRelay(stateFolder(context));
  context.after(() => relay.stop());
  const asker = await startDevice(context, () => relay.multiaddrs);
  const holder = await startDevice(
    context,
    () => relay.multiaddrs,
    (deviceKey) => !equalConstantTime(deviceKey, asker.deviceKey),
  );
  await until(() => isReserved(holder));
  await assert.rejects(askFor(asker, holder, realWorld.randomBytes(10)), { code: "peer-unreachable" });
});

test("64 MiB pass through central's relay between two devices that have no address of their own", async (context) => {
  const relay = await centralRelay(stateFolder(context));
  context.after(() => relay.stop());
  const [asker, holder] = await Promise.all([
    startDevice(context, () => relay.multiaddrs),
    startDevice(context, () => relay.multiaddrs),
  ]);
  await until(() => isReserved(holder));
  const bodies = Array.from({ length: 8 }, () => realWorld.randomBytes(8 * mebibyte));
  await Promise.all(
    bodies.map(async (body) => {
      const reversed = await askFor(asker, holder, body);
      assert.ok(equalConstantTime(reversed.toReversed(), body));
    }),
  );
  assert.equal(asker.net.pathTo(holder.deviceKey), "relay");
  assert.equal(holder.net.pathTo(asker.deviceKey), "relay");
});

test("a reservation that was lost with the relay is made again when the relay is back", async (context) => {
  const folder = stateFolder(context);
  const first = await centralRelay(folder);
  const [asker, holder] = await Promise.all([
    startDevice(context, () => first.multiaddrs),
    startDevice(context, () => first.multiaddrs),
  ]);
  await until(() => isReserved(holder));
  await askFor(asker, holder, realWorld.randomBytes(10));
  await first.stop();
  await until(() => !isReserved(holder));
  const second = await centralRelay(folder);
  context.after(() => second.stop());
  assert.deepEqual(second.multiaddrs, first.multiaddrs);
  await until(() => isReserved(holder));
  await askFor(asker, holder, realWorld.randomBytes(10));
});
