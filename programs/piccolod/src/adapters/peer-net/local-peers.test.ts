import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { test, type TestContext } from "node:test";
import { toUtf8 } from "@piccolo/bytes";
import type { PeerHandler, PeerTarget } from "@piccolo/storage/ports";
import { SeededWorld } from "@piccolo/world";
import { realWorld } from "@piccolo/world/real";
import { freeDatagramPort } from "../../../test-support/free-datagram-port.ts";
import { channelCertificate } from "./channel-certificate.ts";
import { peerIdOf } from "./device-peer.ts";
import { createPeerNet, type PeerNet } from "./index.ts";
import { addressesTold, LocalPeers, toldBy } from "./local-peers.ts";
import type { LocalSearch } from "./peer-net.ts";

const service = "_p2p._udp.local";
const world = new SeededWorld("local peers");
const newKey = (): Uint8Array => channelCertificate(world.randomBytes(32)).deviceKey;
const addressAt = (deviceKey: Uint8Array, at: number): string =>
  `/ip4/192.168.1.20/tcp/${4_000 + at}/p2p/${peerIdOf(deviceKey).toString()}`;

type Told = Parameters<typeof toldBy>[0];

function answer(texts: readonly string[], name = service): Told {
  const answers: Told["answers"] = [{ name, type: "PTR", data: `x.${service}` }];
  const additionals: Told["additionals"] = [{ name: `x.${service}`, type: "TXT", data: texts.map(toBuffer) }];
  return { answers, additionals };
}

const toBuffer = (text: string): Buffer => Buffer.from(text);

test("of an answer eight addresses of the device that the first one names are taken", () => {
  const [deviceKey, other] = [newKey(), newKey()];
  const addresses = Array.from({ length: 20 }, (_, at) => addressAt(deviceKey, at));
  const texts = addresses.map((address) => `dnsaddr=${address}`);
  assert.deepEqual(toldBy(answer([...texts.slice(0, 1), ...texts])), { deviceKey, addresses: addresses.slice(0, 8) });
  const mixed = [`dnsaddr=${addressAt(other, 1)}`, ...texts];
  assert.deepEqual(toldBy(answer(mixed)), { deviceKey: other, addresses: [addressAt(other, 1)] });
});

test("what is no address of a device, or no answer for the service, tells of nobody", () => {
  const peer = peerIdOf(newKey()).toString();
  for (const text of [
    "",
    "dnsaddr=",
    "dnsaddr=/ip4/192.168.1.20/tcp/4000",
    "dnsaddr=/ip4/192.168.1.20/tcp/4000/p2p/nobody",
    `/ip4/192.168.1.20/tcp/4000/p2p/${peer}`,
    `dnsaddr=/dns4/far.example/tcp/4000/p2p/${peer}`,
    `dnsaddr=/ip4/192.168.1.20/tcp/4000/p2p/${peer}/p2p-circuit`,
    `dnsaddr=/ip4/192.168.1.20/tcp/4000/p2p/${peer}/p2p-circuit/p2p/${peer}`,
  ]) {
    assert.equal(toldBy(answer([text])), undefined, text);
  }
  const good = `dnsaddr=/ip4/192.168.1.20/tcp/4000/p2p/${peer}`;
  assert.ok(toldBy(answer([good], service.toUpperCase())) !== undefined);
  assert.equal(toldBy(answer([good], "_http._tcp.local")), undefined);
  assert.equal(toldBy({ ...answer([good]), answers: [] }), undefined);
});

const nameBytes = (name: string): Buffer =>
  Buffer.concat([...name.split(".").map((label) => Buffer.from([label.length, ...toUtf8(label)])), Buffer.of(0)]);

function record(type: number, data: Buffer): Buffer {
  const head = Buffer.from([0, type, 0, 1, 0, 0, 0, 120, 0, 0]);
  head.writeUInt16BE(data.length, 8);
  return Buffer.concat([nameBytes(service), head, data]);
}

/** What a device sends that has these addresses. */
function announcement(addresses: readonly string[]): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0x8400, 2);
  head.writeUInt16BE(1 + addresses.length, 6);
  const texts = addresses.map((address) => {
    const text = Buffer.from(`dnsaddr=${address}`);
    return record(16, Buffer.from([text.length, ...text]));
  });
  return Buffer.concat([head, record(12, nameBytes(`x.${service}`)), ...texts]);
}

/** One that hears what it is given, and is on no network. */
async function listener(
  context: TestContext,
  options: { readonly isWanted: (deviceKey: Uint8Array) => boolean; readonly mostOthers: number },
) {
  const socket = createSocket("udp4");
  const ownKey = newKey();
  const local = new LocalPeers({
    ...options,
    ownKey,
    addresses: () => [],
    world,
    log: () => undefined,
    socket: { socket, port: 0, bind: "127.0.0.1", multicast: false },
  });
  const stopping = new AbortController();
  const running = local.run(stopping.signal);
  context.after(() => {
    stopping.abort();
    return running;
  });
  const from = { address: "192.168.1.7", family: "IPv4", port: 5353, size: 0 };
  const tell = (deviceKey: Uint8Array, ...ports: readonly number[]): void => {
    const addresses = ports.map((at) => addressAt(deviceKey, at));
    socket.emit("message", announcement(addresses), from);
  };
  return { local, ownKey, tell };
}

test("of everybody who tells of itself only who is wanted is remembered, as it was told last", async (context) => {
  const wanted = newKey();
  const isWanted = (key: Uint8Array): boolean => Buffer.compare(key, wanted) === 0 || Buffer.compare(key, ownKey) === 0;
  const { local, ownKey, tell } = await listener(context, { isWanted, mostOthers: 0 });
  tell(newKey(), 1);
  tell(ownKey, 1);
  assert.deepEqual(local.all(), []);
  tell(wanted, 1, 2, 3);
  tell(wanted, 4);
  assert.deepEqual(local.all(), [{ deviceKey: wanted, addresses: [addressAt(wanted, 4)] }]);
  assert.deepEqual(local.addressesOf(wanted), [addressAt(wanted, 4)]);
  assert.deepEqual(local.addressesOf(newKey()), []);
});

test("a search for anybody remembers so many devices, and those that are wanted besides", async (context) => {
  const wanted = newKey();
  const isWanted = (key: Uint8Array): boolean => Buffer.compare(key, wanted) === 0;
  const { local, tell } = await listener(context, { isWanted, mostOthers: 64 });
  const keys = Array.from({ length: 200 }, newKey);
  for (const key of keys) tell(key, 1);
  assert.deepEqual(
    local.all().map(({ deviceKey }) => deviceKey),
    keys.slice(0, 64),
  );
  tell(wanted, 1);
  const [first = assert.fail()] = keys;
  tell(first, 2);
  assert.equal(local.all().length, 65);
  assert.deepEqual(local.addressesOf(first), [addressAt(first, 2)]);
  assert.deepEqual(local.addressesOf(wanted), [addressAt(wanted, 1)]);
});

const echo: PeerHandler = {
  admit: () => ({ bodyBytes: 0, release: () => undefined }),
  handle: (_deviceKey, request) => Promise.resolve(request),
};

/** One machine as a network: multicast on loopback. */
async function startDevice(
  context: TestContext,
  port: number,
  search: Omit<LocalSearch, "socket">,
): Promise<{ readonly net: PeerNet; readonly deviceKey: Uint8Array }> {
  const deviceSeed = realWorld.randomBytes(32);
  const net = createPeerNet({
    deviceSeed,
    listen: ["/ip4/127.0.0.1/tcp/0"],
    relay: () => [],
    isRelay: () => false,
    isAllowed: search.isMember,
    handler: echo,
    recover: echo,
    world: realWorld,
    log: () => undefined,
    idleTimeoutMs: 20_000,
    dialTimeoutMs: 20_000,
    mdns: { ...search, socket: { port, interface: "127.0.0.1", bind: "0.0.0.0", loopback: true, reuseAddr: true } },
  });
  await net.start();
  context.after(() => net.stop());
  return { net, deviceKey: channelCertificate(deviceSeed).deviceKey };
}

const pauseMs = 20;
const hello = { frame: toUtf8("hello"), body: [] };

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await realWorld.sleep(pauseMs, new AbortController().signal);
}

test("members reach each other though nobody has told them where, and a device that recovers finds them", async (context) => {
  const port = await freeDatagramPort();
  const first = await startDevice(context, port, { isMember: () => true, mostOthers: 0 });
  const second = await startDevice(context, port, { isMember: () => true, mostOthers: 0 });
  const options = { maxBodyBytes: 0, signal: new AbortController().signal };
  const target: PeerTarget = { deviceKey: second.deviceKey, addresses: [] };
  await until(() =>
    first.net.transport.request(target, hello, options).then(
      () => true,
      () => false,
    ),
  );
  assert.equal(first.net.pathTo(second.deviceKey), "direct");
  const fresh = await startDevice(context, port, { isMember: () => false, mostOthers: 64 });
  await until(() => Promise.resolve(fresh.net.localDevices().length === 2));
  for (const found of fresh.net.localDevices()) {
    const reply = await fresh.net.recoverTransport.request(found, hello, options);
    assert.deepEqual(reply.frame, hello.frame);
  }
});

test("however many networks apps have, the address of the home network is among those told", () => {
  const peer = peerIdOf(newKey());
  const at = (host: string): string => `/ip4/${host}/tcp/4001/p2p/${peer.toString()}`;
  const apps = Array.from({ length: 12 }, (_, bridge) => at(`10.128.${bridge}.1`));
  const told = addressesTold([at("127.0.0.1"), ...apps, at("192.168.1.20"), at("203.0.113.5"), `/ip4/10.0.0.2/udp/1`]);
  assert.deepEqual(told, [at("192.168.1.20"), at("127.0.0.1"), ...apps.slice(0, 6)]);
});
