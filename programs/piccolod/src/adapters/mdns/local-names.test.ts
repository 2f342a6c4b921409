import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { test, type TestContext } from "node:test";
import { realWorld } from "@piccolo/world/real";
import multicastDns, { type ResponsePacket } from "multicast-dns";
import { freeDatagramPort } from "../../../test-support/free-datagram-port.ts";
import { createLog } from "../log.ts";
import { addressesSeenFrom } from "../own-addresses.ts";
import { answersTo, contestedBy, LocalNames } from "./local-names.ts";

const names = new Set(["piccolo.local", "piccolo-7k2m.local"]);
const addresses = ["192.168.1.20", "fe80::1"];
const record = (name: string, type: "A" | "AAAA", data: string) => ({ name, type, ttl: 120, flush: true, data });

test("only its own names are answered for, with the addresses that were asked for", () => {
  const ask = (name: string, type: string) => answersTo([{ name, type }], names, addresses);
  assert.deepEqual(ask("piccolo.local", "A"), [record("piccolo.local", "A", "192.168.1.20")]);
  assert.deepEqual(ask("PICCOLO.local", "AAAA"), [record("piccolo.local", "AAAA", "fe80::1")]);
  assert.equal(ask("piccolo-7k2m.local", "ANY").length, 2);
  for (const [name, type] of [
    ["other.local", "A"],
    ["x.piccolo.local", "A"],
    ["piccolo.local", "PTR"],
    ["", "ANY"],
  ] as const) {
    assert.deepEqual(ask(name, type), [], name);
  }
  const flood = Array.from({ length: 1_000 }, () => ({ name: "piccolo.local", type: "A" }));
  assert.equal(answersTo(flood, names, addresses).length, 1);
});

test("another device's answer for a name is noticed, the own one and other names are not", () => {
  const contested = (name: string, type: string, data: unknown) =>
    contestedBy([{ name, type, data }], names, addresses);
  assert.deepEqual(contested("Piccolo.local", "A", "192.168.1.99"), ["piccolo.local"]);
  assert.deepEqual(contested("piccolo.local", "A", "192.168.1.20"), []);
  assert.deepEqual(contested("other.local", "A", "192.168.1.99"), []);
  assert.deepEqual(contested("piccolo.local", "TXT", "x"), []);
});

test("a machine is told the addresses of its own network, never those inside the device", () => {
  const interfaces = [
    { address: "127.0.0.1", cidr: "127.0.0.1/8", internal: true },
    { address: "192.168.1.20", cidr: "192.168.1.20/24", internal: false },
    { address: "10.88.0.1", cidr: "10.88.0.1/16", internal: false },
    { address: "fe80::1", cidr: "fe80::1/64", internal: false },
    { address: "fd00::20", cidr: "fd00::20/64", internal: false },
  ];
  assert.deepEqual(addressesSeenFrom("192.168.1.7", interfaces), ["192.168.1.20"]);
  assert.deepEqual(addressesSeenFrom("10.88.3.4", interfaces), ["10.88.0.1"]);
  assert.deepEqual(addressesSeenFrom("", interfaces), ["192.168.1.20", "10.88.0.1", "fd00::20"]);
  assert.deepEqual(addressesSeenFrom("192.168.1.7", []), []);
});

/** One machine as a network: multicast on loopback. */
function device(context: TestContext, port: number, address: string, ...its: readonly string[]): LocalNames {
  const local = new LocalNames({
    names: its,
    addresses: () => [address],
    world: realWorld,
    log: createLog(
      () => undefined,
      () => 0,
    ),
    socket: { port, interface: "127.0.0.1", bind: "0.0.0.0", loopback: true, reuseAddr: true },
  });
  context.after(() => local.close());
  return local;
}

test("who asks on the network finds the device, and the second one of a name leaves it to the first", async (context) => {
  const port = await freeDatagramPort();
  const first = device(context, port, "192.168.1.20", "piccolo.local", "piccolo-aaaa.local");
  await first.hold();
  assert.deepEqual(first.held, ["piccolo.local", "piccolo-aaaa.local"]);
  const second = device(context, port, "192.168.1.21", "piccolo.local", "piccolo-bbbb.local");
  await second.hold();
  assert.deepEqual(second.held, ["piccolo-bbbb.local"]);
  const asking = multicastDns({ port, interface: "127.0.0.1", bind: "0.0.0.0", loopback: true });
  context.after(() => new Promise<void>((resolve) => asking.destroy(() => resolve())));
  const found = new Map<string, unknown>();
  const all = new Promise<void>((resolve) => {
    asking.on("response", (response: ResponsePacket) => {
      for (const answer of response.answers ?? []) if ("data" in answer) found.set(answer.name, answer.data);
      if (found.size === 2) resolve();
    });
  });
  const ask = (): void =>
    asking.query([
      { name: "piccolo.local", type: "A" },
      { name: "piccolo-bbbb.local", type: "A" },
    ]);
  // Nobody says that a datagram was lost.
  const again = setInterval(ask, 200);
  context.after(() => clearInterval(again));
  ask();
  await all;
  assert.deepEqual(Object.fromEntries(found), {
    "piccolo.local": "192.168.1.20",
    "piccolo-bbbb.local": "192.168.1.21",
  });
});

test("a device that stops while it still asks stops at once", async (context) => {
  const local = device(context, await freeDatagramPort(), "192.168.1.20", "piccolo.local");
  const holding = local.hold();
  await local.close();
  await holding;
  assert.deepEqual(local.held, []);
});

test("names of apps come and go, and who asks hears of both", async (context) => {
  const port = await freeDatagramPort();
  const local = device(context, port, "192.168.1.20", "piccolo-aaaa.local");
  await local.hold();
  const heard: string[] = [];
  const waiting: (() => void)[] = [];
  const asking = multicastDns({ port, interface: "127.0.0.1", bind: "0.0.0.0", loopback: true });
  context.after(() => new Promise<void>((resolve) => asking.destroy(() => resolve())));
  asking.on("response", (response: ResponsePacket) => {
    for (const { name, ttl } of response.answers as { readonly name: string; readonly ttl: number }[]) {
      heard.push(`${name} ${ttl === 0 ? "gone" : "here"}`);
    }
    for (const go of waiting.splice(0)) go();
  });
  const until = async (what: string): Promise<void> => {
    while (!heard.includes(what)) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  await local.want(["notes-piccolo-aaaa.local", "photos-piccolo-aaaa.local"]);
  assert.deepEqual(local.held, ["piccolo-aaaa.local", "notes-piccolo-aaaa.local", "photos-piccolo-aaaa.local"]);
  await until("photos-piccolo-aaaa.local here");
  await local.want(["photos-piccolo-aaaa.local"]);
  await until("notes-piccolo-aaaa.local gone");
  assert.deepEqual(local.held, ["piccolo-aaaa.local", "photos-piccolo-aaaa.local"]);
  // The device's own name is no app's to give up.
  await local.want([]);
  assert.deepEqual(local.held, ["piccolo-aaaa.local"]);
});

test("an app's name that another machine has is left to it", async (context) => {
  const port = await freeDatagramPort();
  const other = device(context, port, "192.168.1.99", "notes-piccolo-aaaa.local");
  await other.hold();
  const local = device(context, port, "192.168.1.20", "piccolo-aaaa.local");
  await local.hold();
  await local.want(["notes-piccolo-aaaa.local", "photos-piccolo-aaaa.local"]);
  assert.deepEqual(local.held, ["piccolo-aaaa.local", "photos-piccolo-aaaa.local"]);
});

const nameBytes = (...labels: readonly string[]): Buffer =>
  Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.of(0),
  ]);
const typeA = Buffer.from([0, 1, 0, 1]);
const isAt = (bytes: Buffer, at: number): number => bytes.readUInt16BE(at);

/** What a resolver sends that knows nothing of multicast, with questions and further records as they are given. */
function plainQuery(
  id: number,
  questions: readonly Buffer[],
  additionals: readonly Buffer[] = [],
  flags = 0x0100,
): Buffer {
  const head = Buffer.alloc(12);
  for (const [at, value] of [id, flags, questions.length, 0, 0, additionals.length].entries()) {
    head.writeUInt16BE(value, at * 2);
  }
  return Buffer.concat([head, ...questions, ...additionals]);
}

test("a plain resolver gets its number, its question and the address, and nothing of what else it sent", async (context) => {
  const port = await freeDatagramPort();
  const local = device(context, port, "192.168.1.20", "piccolo.local");
  await local.hold();
  const asking = createSocket("udp4").bind(0, "127.0.0.1");
  context.after(() => asking.close());
  await once(asking, "listening");
  const ask = async (packet: Buffer): Promise<Buffer> => {
    const answered = once(asking, "message");
    asking.send(packet, port, "127.0.0.1");
    return (await answered)[0] as Buffer;
  };
  const own = Buffer.concat([nameBytes("Piccolo", "local"), typeA]);
  const other = Buffer.concat([nameBytes("other", "local"), typeA]);
  const text = Buffer.concat([nameBytes("piccolo", "local"), Buffer.from([0, 16, 0, 1])]);
  // OPT belongs to the root alone; whoever encodes this one again fails.
  const misnamed = Buffer.concat([nameBytes("a"), Buffer.from([0, 41, 16, 0, 0, 0, 0, 0, 0, 0])]);
  const unknown = Buffer.concat([nameBytes("\u0000."), Buffer.from([0xff, 0xf0, 0, 9, 0, 0, 0, 0, 0, 1, 7])]);
  for (const [id, packet] of [
    plainQuery(0, [own], [misnamed]),
    plainQuery(1, [other, own, text], [unknown, misnamed]),
    // Whatever it says it is, the answer is one, and without a fault.
    plainQuery(2, [own], [], 0x7fff),
    plainQuery(3, [own]),
  ].entries()) {
    const answer = await ask(packet);
    assert.deepEqual(
      [0, 4, 6, 8, 10].map((at) => isAt(answer, at)),
      [id, 1, 1, 0, 0],
    );
    assert.equal(isAt(answer, 2), 0x8500);
    assert.ok(answer.subarray(12).indexOf(own) === 0, "the question is not the one that was asked");
    assert.deepEqual([...answer.subarray(-4)], [192, 168, 1, 20]);
  }
});

/** The device holds its name on a socket of the test's own, at a port where nobody else is. */
async function holdAlone(context: TestContext, socket: Socket, addresses: () => readonly string[]): Promise<void> {
  const local = new LocalNames({
    names: ["piccolo.local"],
    addresses,
    world: realWorld,
    log: createLog(
      () => undefined,
      () => 0,
    ),
    socket: { port: await freeDatagramPort(), interface: "127.0.0.1", bind: "127.0.0.1", socket, multicast: false },
  });
  context.after(() => local.close());
  await local.hold();
}

test("what claims to come from nowhere, or is no packet, gets no answer and ends nothing", async (context) => {
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  const sent: number[] = [];
  await holdAlone(context, socket, () => ["192.168.1.20"]);
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  // What is announced goes out first.
  await turn();
  const send = socket.send.bind(socket) as (...given: readonly unknown[]) => void;
  socket.send = ((...given: readonly unknown[]) => {
    sent.push(given[3] as number);
    send(...given);
  }) as typeof socket.send;
  const query = plainQuery(1, [Buffer.concat([nameBytes("piccolo", "local"), typeA])]);
  const from = (fromPort: number) => ({ address: "127.0.0.1", family: "IPv4", port: fromPort, size: query.length });
  socket.emit("message", query, from(0));
  for (let end = 0; end < query.length; end++) socket.emit("message", query.subarray(0, end), from(40_000));
  socket.emit("message", query, from(40_000));
  await turn();
  assert.deepEqual(sent, [40_000]);
});

test("of what is about other names, or is too much to be read, nothing is looked up", async (context) => {
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  let looks = 0;
  await holdAlone(context, socket, () => {
    looks++;
    return ["192.168.1.20"];
  });
  const own = Buffer.concat([nameBytes("piccolo", "local"), typeA]);
  const other = Buffer.concat([nameBytes("other", "local"), typeA]);
  const from = { address: "127.0.0.1", family: "IPv4", port: 0, size: 0 };
  const looksFor = (packet: Buffer): number => {
    const before = looks;
    socket.emit("message", packet, from);
    return looks - before;
  };
  const asked = plainQuery(1, [own]);
  assert.equal(looksFor(asked), 1);
  assert.equal(looksFor(plainQuery(1, [other])), 0);
  assert.equal(looksFor(plainQuery(1, [other], [], 0x8400)), 0);
  const answer = Buffer.concat([nameBytes("other", "local"), Buffer.from([0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4])]);
  const response = plainQuery(1, [], [answer], 0x8400);
  // It is an answer, and none of the additional records.
  response.writeUInt16BE(1, 6);
  response.writeUInt16BE(0, 10);
  assert.equal(looksFor(response), 0);
  assert.equal(looksFor(Buffer.concat([asked, Buffer.alloc(9_000)])), 0);
  assert.equal(
    looksFor(
      plainQuery(
        1,
        Array.from({ length: 129 }, () => own),
      ),
    ),
    0,
  );
});
