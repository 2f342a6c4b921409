/** Strangers, members with bad manners, holders that lie, and disks that are full: a device bears all of them. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect } from "node:tls";
import {
  type Device,
  DeviceProblem,
  downloadDigest,
  Network,
  placementOf,
  seededDigest,
  seededStream,
  until,
  type Uploaded,
  uploadFile,
} from "@piccolo/devnet";
import { encodeHeader, type FragmentHash, type FragmentHeader, fragmentRoot } from "@piccolo/storage/fragment";
import type { PeerTarget } from "@piccolo/storage/ports";
import { decodeResponse, encodeFraming, encodeRequest, type Request, type Response } from "@piccolo/wire";
import { realWorld } from "@piccolo/world/real";
import { createBlake3 } from "../../programs/piccolod/src/adapters/fragment-hash.ts";
import { createPeerNet, type PeerNet } from "../../programs/piccolod/src/adapters/peer-net/index.ts";
import { BadHolder, type Manner } from "./bad-holder.ts";
import { openDeviceHere } from "./device-here.ts";
import { contentOf, type Identity, identityOf, targetOf } from "./identity.ts";
import { isBulk, type RawChannel, RawMember } from "./raw-member.ts";

const mebibyte = 1_048_576;
const folder = mkdtempSync(join(tmpdir(), "piccolo-bad-peers-"));
const victim = 2;
const attacker = 3;

let network: Network;
let owner: Device;
let hash: FragmentHash;

before(async () => {
  ({ hash } = await createBlake3());
  network = await Network.open({
    folder,
    devices: 5,
    centralPort: 18_930,
    devicePort: 18_931,
    peerPort: 18_941,
    // Any two of four fragments give a segment back, and three must be stored before it counts as durable.
    deviceArgs: (number) => (number === 1 ? ["--policy", "2-of-4", "--insecure-drills"] : []),
  });
  await network.startWhole();
  owner = network.device(1);
});

after(async () => {
  await network.stop();
  rmSync(folder, { recursive: true, force: true });
});

function upload(name: string, sizeBytes: number): Promise<Uploaded> {
  return uploadFile(owner.session, {
    filename: name,
    sizeBytes,
    content: (offset) => seededStream(name, sizeBytes, offset),
  });
}

async function isReadable({ nodeId }: Uploaded, name: string, sizeBytes: number): Promise<void> {
  assert.equal((await downloadDigest(owner.session, nodeId)).digest, seededDigest(name, sizeBytes));
}

async function problemOf(work: Promise<unknown>): Promise<DeviceProblem["problem"] | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof DeviceProblem) return error.problem;
    throw error;
  }
}

/** Holders that refused rest for up to half a minute before they are asked again. */
async function isPlaced({ nodeId }: Uploaded, fragments: number): Promise<void> {
  const isSo = async (): Promise<boolean> => {
    const { holders, pendingBytes } = await placementOf(owner.session, nodeId);
    return pendingBytes === 0 && holders.filter((holder) => holder.fragments > 0).length === fragments;
  };
  await until(`${fragments} holders have the file`, isSo, 180_000);
}

/** An in-process peer with the key, whose every dial is allowed on its own side. */
async function startPeer(deviceSeed: Uint8Array): Promise<PeerNet> {
  const net = createPeerNet({
    deviceSeed,
    listen: [],
    bulk: { host: "127.0.0.1", port: 0 },
    relay: () => [],
    isAllowed: () => true,
    isRelay: () => false,
    handler: {
      admit: () => assert.fail("nobody asks the attacker"),
      handle: () => assert.fail("nobody asks the attacker"),
    },
    world: realWorld,
    log: () => undefined,
  });
  await net.start();
  return net;
}

async function ask(net: PeerNet, target: PeerTarget, request: Request, body?: Uint8Array): Promise<Response> {
  const message = { frame: encodeRequest(request), body: body === undefined ? [] : [body] };
  const options = { maxBodyBytes: 8 * mebibyte, signal: new AbortController().signal };
  return decodeResponse((await net.transport.request(target, message, options)).frame);
}

interface Fragment {
  readonly header: FragmentHeader;
  readonly body: Uint8Array;
}

function newFragment(account: Uint8Array, sizeBytes = 100_000): Fragment {
  const body = realWorld.randomBytes(sizeBytes);
  const leaves = Array.from({ length: Math.ceil(sizeBytes / 65_536) }, (_, cell) =>
    hash(body.subarray(cell * 65_536, (cell + 1) * 65_536)),
  );
  const key = { account, segmentId: realWorld.randomBytes(16), index: 0 };
  const roots = [fragmentRoot(leaves, sizeBytes, hash)];
  return { header: { key, k: 1, n: 1, fragmentBytes: sizeBytes, roots }, body };
}

function storing({ header, body }: Fragment, account = header.key.account): Request {
  return { type: "store", account, headerBytes: encodeHeader(header), bodyBytes: body.length };
}

/** The victim takes, gives back and removes a fragment of the asker's own. */
async function servesGood(net: PeerNet, target: PeerTarget, { account }: Identity): Promise<void> {
  const fragment = newFragment(account);
  const { segmentId } = fragment.header.key;
  assert.equal((await ask(net, target, storing(fragment), fragment.body)).type, "stored");
  const fetched = await ask(net, target, {
    type: "fetch",
    account,
    segmentId,
    index: 0,
    firstCell: 0,
    cellCount: 2,
  });
  assert.ok(fetched.type === "cells" && fetched.bodyBytes === fragment.body.length);
  assert.deepEqual(await ask(net, target, { type: "remove", account, segmentIds: [segmentId] }), {
    type: "removed",
    count: 1,
  });
}

const only = (target: PeerTarget, path: "libp2p" | "bulk"): PeerTarget => ({
  ...target,
  addresses: target.addresses.filter((address) => isBulk(address) === (path === "bulk")),
});

function fragmentsHeldFor(account: Uint8Array): readonly string[] {
  const path = join(contentOf(network, victim), "fragments", account.toHex());
  return existsSync(path) ? readdirSync(path) : [];
}

test("a stranger gets in neither over libp2p nor over the direct path", async (context) => {
  const target = await targetOf(network, victim);
  const deviceSeed = realWorld.randomBytes(32);
  const net = await startPeer(deviceSeed);
  context.after(() => net.stop());
  const hello: Request = { type: "list", account: realWorld.randomBytes(32), after: undefined, limit: 1 };
  for (const path of ["libp2p", "bulk"] as const) {
    assert.ok(only(target, path).addresses.length > 0, path);
    await assert.rejects(ask(net, only(target, path), hello), { code: "peer-unreachable" }, path);
  }
  const raw = await RawMember.start(deviceSeed);
  context.after(() => raw.stop());
  const overLibp2p = async (): Promise<string> => {
    const channel = await raw.openLibp2p(target);
    await channel.send(encodeFraming(encodeRequest(hello), 0));
    return channel.answered;
  };
  assert.equal(await overLibp2p().catch(() => "nothing"), "nothing");
  const bulk = raw.openBulk(target);
  await bulk.send(encodeFraming(encodeRequest(hello), 0));
  bulk.end();
  assert.equal(await bulk.answered, "nothing");
});

test("the direct path says nothing to who shows no certificate", async () => {
  const target = await targetOf(network, victim);
  const [, port] = /\/tcp\/(\d+)\/tls\/http$/.exec(target.addresses.find(isBulk) ?? "") ?? [];
  const heard = await new Promise<number>((resolve) => {
    let bytes = 0;
    const socket = connect({ host: "127.0.0.1", port: Number(port), rejectUnauthorized: false });
    socket.on("secureConnect", () => socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
    socket.on("data", (part) => (bytes += part.length));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(bytes));
  });
  assert.equal(heard, 0);
});

test("a member gets nothing of another's fragments, and puts nothing among them", async (context) => {
  const name = "somebody else's";
  const file = await upload(name, 3 * mebibyte);
  await isPlaced(file, 4);
  await network.device(attacker).process.stop();
  context.after(() => network.startDevice(attacker));
  const identity = identityOf(network, attacker);
  const target = await targetOf(network, victim);
  const net = await startPeer(identity.deviceSeed);
  context.after(() => net.stop());

  const { account } = identityOf(network, 1);
  const held = fragmentsHeldFor(account);
  const [segment] = held;
  assert.ok(segment !== undefined);
  const segmentId = Buffer.from(segment, "hex");
  const foreign = newFragment(account);
  const requests: readonly Request[] = [
    ...[0, 1, 2, 3].map((index) => ({ type: "fetch", account, segmentId, index, firstCell: 0, cellCount: 1 }) as const),
    { type: "list", account, after: undefined, limit: 10 },
    { type: "status", account, keys: [{ segmentId, index: 0 }] },
    { type: "remove", account, segmentIds: [segmentId] },
    storing(foreign),
    storing(foreign, identity.account),
  ];
  for (const path of ["libp2p", "bulk"] as const) {
    for (const request of requests) {
      const body = request.type === "store" ? foreign.body : undefined;
      const response = await ask(net, only(target, path), request, body);
      assert.ok(response.type === "refused" && response.code === "not-yours", `${path}: ${request.type}`);
    }
    await servesGood(net, only(target, path), identity);
  }
  // The same names under the own account lead nowhere.
  const own = await ask(net, target, {
    type: "fetch",
    account: identity.account,
    segmentId,
    index: 0,
    firstCell: 0,
    cellCount: 1,
  });
  assert.ok(own.type === "refused" && own.code === "unknown-fragment");
  assert.deepEqual(fragmentsHeldFor(account), held);
  await isReadable(file, name, 3 * mebibyte);
});

/** Sends until the other side has answered and closed. */
async function sendEndlessly(channel: RawChannel, bytes: Uint8Array): Promise<void> {
  while (await channel.send(bytes));
}

function prefix(frameBytes: number, bodyBytes: number): Uint8Array {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(frameBytes, 0);
  bytes.writeBigUInt64BE(BigInt(bodyBytes), 4);
  return bytes;
}

test("a member's malformed messages are refused, leave nothing behind, and stop nobody", async (context) => {
  await network.device(attacker).process.stop();
  context.after(() => network.startDevice(attacker));
  const identity = identityOf(network, attacker);
  const target = await targetOf(network, victim);
  const raw = await RawMember.start(identity.deviceSeed);
  context.after(() => raw.stop());
  const net = await startPeer(identity.deviceSeed);
  context.after(() => net.stop());
  const fragment = newFragment(identity.account);
  const frame = encodeRequest(storing(fragment));
  const garbage = Buffer.alloc(64 * 1024, realWorld.randomBytes(997));
  garbage[0] = 0xff;

  const attacks: Readonly<Record<string, (channel: RawChannel) => Promise<unknown>>> = {
    "garbage bytes": (channel) => channel.send(garbage),
    "endless garbage": (channel) => sendEndlessly(channel, garbage),
    "an oversized frame": (channel) => channel.send(prefix(65_537, 0)),
    "an oversized body": (channel) => channel.send(Buffer.concat([prefix(frame.length, 2 ** 40), frame])),
    "an endless frame": async (channel) => {
      await channel.send(prefix(65_536, 0));
      await sendEndlessly(channel, garbage);
    },
    "a body longer than its header says": async (channel) => {
      await channel.send(Buffer.concat([prefix(frame.length, fragment.body.length + 1), frame]));
      await sendEndlessly(channel, garbage);
    },
    "a message that ends early": async (channel) => {
      await channel.send(Buffer.concat([prefix(frame.length, fragment.body.length), frame]));
      await channel.send(fragment.body.subarray(0, 1_000));
      channel.end();
    },
    "a message that goes on": async (channel) => {
      await channel.send(Buffer.concat([prefix(frame.length, fragment.body.length), frame, fragment.body, garbage]));
      channel.end();
    },
  };
  for (const path of ["libp2p", "bulk"] as const) {
    for (const [name, attack] of Object.entries(attacks)) {
      const channel = path === "libp2p" ? await raw.openLibp2p(target) : raw.openBulk(target);
      await attack(channel);
      assert.equal(await channel.answered, "malformed", `${name} over ${path}`);
      assert.deepEqual(fragmentsHeldFor(identity.account), [], name);
      await servesGood(net, only(target, path), identity);
    }
    const changed = { header: fragment.header, body: fragment.body.map((byte) => byte ^ 1) };
    const response = await ask(net, only(target, path), storing(changed), changed.body);
    assert.ok(response.type === "refused" && response.code === "wrong-root", path);
    assert.deepEqual(fragmentsHeldFor(identity.account), []);
    await servesGood(net, only(target, path), identity);
  }
});

test("bodies that stop coming are given up, and the memory held for them is free again", async (context) => {
  await Promise.all([victim, attacker].map((number) => network.device(number).process.stop()));
  const device = await openDeviceHere(network, victim, {
    createPeerNet: (options) => createPeerNet({ ...options, idleTimeoutMs: 3_000 }),
  });
  const identity = identityOf(network, attacker);
  const [raw, net] = await Promise.all([RawMember.start(identity.deviceSeed), startPeer(identity.deviceSeed)]);
  context.after(async () => {
    await Promise.all([raw.stop(), net.stop(), device.close()]);
    await Promise.all([victim, attacker].map((number) => network.startDevice(number)));
  });
  const target = only(await targetOf(network, victim), "libp2p");
  await servesGood(net, target, identity);

  // As much as the victim takes in at once from one member.
  const largest = newFragment(identity.account, 8 * mebibyte);
  const frame = encodeRequest(storing(largest));
  const begin = async (): Promise<RawChannel> => {
    const channel = await raw.openLibp2p(target);
    await channel.send(Buffer.concat([prefix(frame.length, largest.body.length), frame]));
    await channel.send(largest.body.subarray(0, 5_000));
    return channel;
  };
  const slow = await Promise.all([begin(), begin(), begin(), begin()]);
  const small = newFragment(identity.account);
  await until("the victim has no room for more of this member", async () => {
    // A byte now and then keeps them going until then. Where it came too late, another one takes the place.
    for (const [at, channel] of slow.entries()) {
      if (!(await channel.send(largest.body.subarray(5_000, 5_001)))) slow[at] = await begin();
    }
    const response = await ask(net, target, storing(small), small.body);
    return response.type === "refused" && response.code === "busy";
  });
  for (const channel of slow) assert.equal(await channel.answered, "nothing");
  await servesGood(net, target, identity);
});

test("holders that lie are found out: enough honest ones give the file back, too few fail the read clearly", async (context) => {
  const numbers = [3, 4, 5];
  await Promise.all(numbers.map((number) => network.device(number).process.stop()));
  const holders = await Promise.all(numbers.map((number) => BadHolder.start(network, number, hash)));
  context.after(async () => {
    await Promise.all(holders.map((holder) => holder.stop()));
    await Promise.all(numbers.map((number) => network.startDevice(number)));
  });
  await until("the owner sees the liars online", async () => {
    const { members } = await owner.session.call<{
      members: readonly { readonly online: boolean; readonly self: boolean }[];
    }>("GET", "/network");
    return members.every(({ online, self }) => online || self);
  });
  const name = "in bad hands";
  const sizeBytes = 2 * mebibyte;
  const file = await upload(name, sizeBytes);
  await isPlaced(file, 4);
  await isReadable(file, name, sizeBytes);

  const behave = (...manners: readonly Manner[]): void => {
    for (const [at, holder] of holders.entries()) holder.manner = manners[at] ?? "honest";
  };
  for (const manners of [
    ["garbage", "changed"],
    ["forged", "honest", "garbage"],
    ["honest", "changed", "forged"],
  ] as const) {
    behave(...manners);
    await isReadable(file, name, sizeBytes);
  }
  behave("garbage", "changed", "forged");
  const problem = await problemOf(downloadDigest(owner.session, file.nodeId));
  assert.equal(problem?.code, "not-enough-fragments");
  assert.equal(problem?.details?.["missing"], 1);
  assert.ok(holders.every(({ lies }) => lies > 0));
  behave();
  await isReadable(file, name, sizeBytes);
});

async function restartWithQuota(number: number, ...args: readonly string[]): Promise<void> {
  await network.device(number).process.stop();
  await network.startDevice(number, args);
}

test("full holders take nothing more: the file is placed on the others, or waits until there is room", async () => {
  const full = ["--holder-quota-bytes", "1000"];
  await network.allOnline(owner);
  // No holder rests any more from what was before.
  await isPlaced(await upload("a probe", 100_000), 4);
  await restartWithQuota(4, ...full);
  await network.allOnline(owner);
  const one = await upload("one is full", 2 * mebibyte);
  assert.equal(one.placement, "durable");
  await isPlaced(one, 3);
  await isReadable(one, "one is full", 2 * mebibyte);

  await restartWithQuota(5, ...full);
  await network.allOnline(owner);
  const two = await upload("two are full", 2 * mebibyte);
  assert.equal(two.placement, "pending");
  const { pendingBytes } = await placementOf(owner.session, two.nodeId);
  assert.equal(pendingBytes, 2 * mebibyte);
  await isReadable(two, "two are full", 2 * mebibyte);
  await isReadable(one, "one is full", 2 * mebibyte);

  await Promise.all([restartWithQuota(4), restartWithQuota(5)]);
  for (const file of [one, two]) await isPlaced(file, 4);
  await isReadable(two, "two are full", 2 * mebibyte);
});

test("with the peers away and the own disk full an upload is refused and no half of it is seen", async () => {
  await owner.process.stop();
  await network.startDevice(1, ["--spool-limit-bytes", "1000000"]);
  await network.claim(owner);
  // Nothing is changed before the witnesses have said where the own log ends.
  await until("the witnesses have answered", async () => {
    const { backup } = await owner.session.call<{ backup: { readonly state: string } }>("GET", "/security");
    return backup.state === "ready";
  });
  await Promise.all(network.devices.slice(1).map((device) => device.process.stop()));
  const small = await upload("fits the spool", 300_000);
  assert.equal(small.placement, "pending");
  const problem = await problemOf(upload("too large", 3 * mebibyte));
  assert.deepEqual([problem?.code, problem?.status], ["too-few-holders", 507]);

  const names = async (): Promise<readonly string[]> => {
    const path = `/files/search?q=${encodeURIComponent("too large")}`;
    const { nodes } = await owner.session.call<{ nodes: readonly { readonly name: string }[] }>("GET", path);
    return nodes.map((node) => node.name);
  };
  assert.deepEqual(await names(), []);
  const { spool } = await owner.session.call<{ spool: { readonly usedBytes: number } }>("GET", "/network");
  assert.ok(spool.usedBytes > 0 && spool.usedBytes < 1_000_000, `${spool.usedBytes} bytes in the spool`);
  await isReadable(small, "fits the spool", 300_000);

  for (const device of network.devices.slice(1)) await network.startDevice(device.number);
  await network.allOnline(owner);
  await isPlaced(small, 4);
  const again = await upload("too large", 3 * mebibyte);
  assert.equal(again.placement, "durable");
  assert.deepEqual(await names(), ["too large"]);
  await isReadable(again, "too large", 3 * mebibyte);
});
