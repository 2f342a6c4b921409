import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "@piccolo/bytes";
import { decodeResponse, encodeRequest, type Hello, type Request, type Response } from "@piccolo/wire";
import { fragmentOf, OneHolder, owner, type TestFragment } from "../../test-support/one-holder.ts";
import { encodeHeader } from "../fragment/index.ts";
import { diskFaults, type Message } from "../ports/index.ts";
import { id } from "../suites/suite.ts";
import { HolderService, type HolderStore } from "./index.ts";

const signal = new AbortController().signal;
const deviceOf = (account: Uint8Array): Uint8Array => account.with(0, 200);
const device = deviceOf(owner);

interface Bench {
  readonly holder: OneHolder;
  readonly store: HolderStore;
  readonly service: HolderService;
  readonly members: Map<string, Uint8Array>;
  readonly reports: { readonly event: string; readonly facts: Readonly<Record<string, unknown>> }[];
  readonly ask: (request: Request, body?: readonly Uint8Array[], from?: Uint8Array) => Promise<Response>;
}

async function bench(quotaBytes = 1e9): Promise<Bench> {
  const holder = new OneHolder({ quotaBytes: () => quotaBytes });
  const { store } = await holder.start();
  const members = new Map([1, 2, 3, 4].map((number) => [toHex(deviceOf(id(32, number))), id(32, number)]));
  const reports: Bench["reports"] = [];
  const service = new HolderService({
    store,
    memberOf: (key) => members.get(toHex(key)),
    hello: (account, hello) => ({ ...hello, headHash: account }),
    report: (event, facts) => void reports.push({ event, facts }),
  });
  const ask: Bench["ask"] = async (request, body = [], from = device) => {
    const frame = encodeRequest(request);
    const admitted = service.admit(from, frame);
    if ("refusal" in admitted) return decodeResponse(admitted.refusal.frame);
    try {
      return decodeResponse((await service.handle(from, { frame, body }, signal)).frame);
    } finally {
      admitted.release();
    }
  };
  return { holder, store, service, members, reports, ask };
}

const storeRequest = ({ key, headerBytes, body }: TestFragment): Request => ({
  type: "store",
  account: key.account,
  headerBytes,
  bodyBytes: body.length,
});
const fetchRequest = ({ key }: TestFragment, firstCell = 0, cellCount = 1): Request => ({
  type: "fetch",
  ...key,
  firstCell,
  cellCount,
});

function codeOf(response: Response): string {
  return response.type === "refused" ? response.code : response.type;
}

function refusedAt(service: HolderService, frame: Uint8Array, from = device): string {
  const admitted = service.admit(from, frame);
  return "refusal" in admitted ? codeOf(decodeResponse(admitted.refusal.frame)) : "admitted";
}

test("a stranger is refused whatever it asks, before its message is even decoded", async () => {
  const { ask, service } = await bench();
  const stranger = new Uint8Array(32).fill(66);
  assert.equal(codeOf(await ask(storeRequest(fragmentOf(1)), [], stranger)), "not-a-member");
  assert.equal(refusedAt(service, new Uint8Array(3), stranger), "not-a-member");
  const reply = await service.handle(stranger, { frame: new Uint8Array(3), body: [] }, signal);
  assert.equal(codeOf(decodeResponse(reply.frame)), "not-a-member");
});

test("a message that cannot be decoded, and a store whose header or length is wrong, is malformed", async () => {
  const { ask, service, reports } = await bench();
  const fragment = fragmentOf(1);
  assert.equal(refusedAt(service, new Uint8Array(3)), "malformed");
  const reply = await service.handle(device, { frame: new Uint8Array(3), body: [] }, signal);
  assert.equal(codeOf(decodeResponse(reply.frame)), "malformed");
  const request = { type: "store", account: owner, headerBytes: fragment.headerBytes, bodyBytes: 5 } as const;
  assert.equal(codeOf(await ask(request)), "malformed");
  const headerBytes = fragment.headerBytes.with(0, 9);
  assert.equal(codeOf(await ask({ ...request, headerBytes, bodyBytes: fragment.body.length })), "malformed");
  assert.deepEqual(reports, [], "what others send is no failure of this device");
});

test("nobody reaches another owner's fragments, by the request's account or by the header's", async () => {
  const { ask, store } = await bench();
  const fragment = fragmentOf(1);
  assert.equal(codeOf(await ask(storeRequest(fragment), [fragment.body])), "stored");
  const { segmentId } = fragment.key;
  const other = deviceOf(id(32, 2));
  const requests: readonly Request[] = [
    storeRequest(fragment),
    fetchRequest(fragment),
    { type: "remove", account: owner, segmentIds: [segmentId] },
    { type: "list", account: owner, after: undefined, limit: 10 },
    { type: "status", account: owner, keys: [{ segmentId, index: 0 }] },
  ];
  for (const request of requests) assert.equal(codeOf(await ask(request, [], other)), "not-yours", request.type);
  const smuggled: Request = {
    type: "store",
    account: id(32, 2),
    headerBytes: fragment.headerBytes,
    bodyBytes: fragment.body.length,
  };
  assert.equal(codeOf(await ask(smuggled, [fragment.body], other)), "not-yours");
  assert.deepEqual(await ask({ type: "remove", account: id(32, 2), segmentIds: [segmentId] }, [], other), {
    type: "removed",
    count: 0,
  });
  assert.ok(store.has(fragment.key));
});

test("a fragment that is changed, in conflict, over the quota or unknown is refused by its code", async () => {
  const { ask } = await bench(100_000);
  const fragment = fragmentOf(1);
  assert.equal(codeOf(await ask(storeRequest(fragment), [fragment.body.with(9, 0)])), "wrong-root");
  assert.equal(codeOf(await ask(fetchRequest(fragment))), "unknown-fragment");
  assert.equal(codeOf(await ask(storeRequest(fragment), [fragment.body])), "stored");
  const conflicting = fragmentOf(1, { index: 1 });
  assert.equal(codeOf(await ask(storeRequest(conflicting), [conflicting.body])), "conflict");
  const second = fragmentOf(2);
  assert.equal(codeOf(await ask(storeRequest(second), [second.body])), "full");
  assert.equal(codeOf(await ask(fetchRequest(fragment, 1, 2))), "malformed");
});

test("a failure of the own disk is internal: reported here, not told to the asker", async () => {
  const { ask, holder, reports } = await bench();
  const fragment = fragmentOf(1);
  await ask(storeRequest(fragment), [fragment.body]);
  holder.disk.read = () => Promise.reject(diskFaults.fault("disk-error", "sector 4711 is gone"));
  const refused = await ask(fetchRequest(fragment));
  assert.equal(codeOf(refused), "internal");
  assert.ok(!JSON.stringify(refused).includes("4711"));
  assert.deepEqual(
    reports.map(({ event, facts }) => [event, facts["code"]]),
    [["request-failed", "disk-error"]],
  );
});

function largeStore(account: Uint8Array, segment: number): Uint8Array {
  const bodyBytes = 8 * 1024 * 1024;
  const key = { account, segmentId: id(16, segment), index: 0 };
  const headerBytes = encodeHeader({ key, k: 1, n: 1, fragmentBytes: bodyBytes, roots: [new Uint8Array(32)] });
  return encodeRequest({ type: "store", account, headerBytes, bodyBytes });
}

test("a member that stores too much at once is told when to come again; others and small requests go on", async () => {
  const { service } = await bench();
  const releases: (() => void)[] = [];
  const admit = (account: Uint8Array): string => {
    const admitted = service.admit(deviceOf(account), largeStore(account, releases.length));
    if ("refusal" in admitted) {
      const response = decodeResponse(admitted.refusal.frame);
      return response.type === "refused" ? `${response.code} ${response.retryAfterMs}` : response.type;
    }
    assert.equal(admitted.bodyBytes, 8 * 1024 * 1024);
    releases.push(admitted.release);
    return "admitted";
  };
  const four = (number: number): string[] => [1, 2, 3, 4].map(() => admit(id(32, number)));
  const admitted = ["admitted", "admitted", "admitted", "admitted"];
  assert.deepEqual(four(1), admitted);
  assert.equal(admit(owner), "busy 200");
  assert.equal(refusedAt(service, encodeRequest(fetchRequest(fragmentOf(1)))), "admitted");
  assert.deepEqual(four(2), admitted);
  assert.deepEqual(four(3), ["admitted", "admitted", "busy 200", "busy 200"], "who comes later gets less");
  assert.equal(admit(id(32, 4)), "admitted", "but something is left for everybody");
  assert.equal(admit(id(32, 4)), "busy 200", "all together are bounded too");
  for (const release of releases) release();
  releases[0]?.();
  assert.deepEqual(four(1), admitted);
  assert.equal(admit(owner), "busy 200", "a release called twice frees its bytes once");
});

test("a member that fetches too much at once is told when to come again; others, and its own stores, go on", async () => {
  const { service } = await bench();
  const releases: (() => void)[] = [];
  const fetchWhole = (number: number): string => {
    const account = id(32, number);
    const request = encodeRequest({
      type: "fetch",
      account,
      segmentId: id(16, 1),
      index: 0,
      firstCell: 0,
      cellCount: 128,
    });
    const admitted = service.admit(deviceOf(account), request);
    if ("refusal" in admitted) return codeOf(decodeResponse(admitted.refusal.frame));
    assert.equal(admitted.bodyBytes, 0, "a fetch has no body");
    releases.push(admitted.release);
    return "admitted";
  };
  const eight = Array.from({ length: 8 }, () => "admitted");
  assert.deepEqual(
    eight.map(() => fetchWhole(1)),
    eight,
  );
  assert.equal(fetchWhole(1), "busy");
  assert.equal(refusedAt(service, largeStore(owner, 1)), "admitted");
  assert.deepEqual(
    eight.map(() => fetchWhole(2)),
    eight.map((_, at) => (at < 4 ? "admitted" : "busy")),
    "who comes later gets less, and all together are bounded",
  );
  assert.equal(fetchWhole(3), "admitted", "but something is left for everybody");
  for (const release of releases) release();
  assert.equal(fetchWhole(3), "admitted");
});

test("a member that is removed while its body comes is refused, and nothing is stored", async () => {
  const { service, members, store } = await bench();
  const fragment = fragmentOf(1);
  const message: Message = { frame: encodeRequest(storeRequest(fragment)), body: [fragment.body] };
  const admitted = service.admit(device, message.frame);
  assert.ok("release" in admitted);
  members.delete(toHex(device));
  const reply = await service.handle(device, message, signal);
  admitted.release();
  assert.equal(codeOf(decodeResponse(reply.frame)), "not-a-member");
  assert.ok(!store.has(fragment.key));
});

test("a request that was given up before it began changes nothing", async () => {
  const { service, store } = await bench();
  const fragment = fragmentOf(1);
  const message: Message = { frame: encodeRequest(storeRequest(fragment)), body: [fragment.body] };
  await service.handle(device, message, AbortSignal.abort(new Error("gone")));
  assert.ok(!store.has(fragment.key));
});

test("cells come with the header and all leaves, in one body", async () => {
  const { ask, service } = await bench();
  const fragment = fragmentOf(1);
  await ask(storeRequest(fragment), [fragment.body]);
  const reply = await service.handle(device, { frame: encodeRequest(fetchRequest(fragment, 0, 2)), body: [] }, signal);
  const cells = decodeResponse(reply.frame);
  assert.ok(cells.type === "cells");
  assert.equal(cells.leaves.length, 2);
  assert.deepEqual(new Uint8Array(cells.headerBytes), fragment.headerBytes);
  assert.equal(cells.bodyBytes, fragment.body.length);
  assert.ok(Buffer.concat(reply.body).equals(fragment.body));
});

test("a listing pages through everything once, in order, and says when there is more", async () => {
  const { ask } = await bench();
  const segments = [5, 3, 1, 4, 2];
  for (const segment of segments) {
    const fragment = fragmentOf(segment, { bytes: 64 });
    assert.equal(codeOf(await ask(storeRequest(fragment), [fragment.body])), "stored");
  }
  for (const limit of [1, 2, 4, 5, 6]) {
    const seen: (number | undefined)[] = [];
    let after: Uint8Array | undefined;
    for (let more = true; more;) {
      const listing = await ask({ type: "list", account: owner, after, limit });
      assert.ok(listing.type === "listing" && listing.entries.length <= limit);
      seen.push(...listing.entries.map(({ segmentId }) => segmentId[15]));
      after = listing.entries.at(-1)?.segmentId;
      more = listing.more;
    }
    assert.deepEqual(seen, [1, 2, 3, 4, 5], `${limit} at a time`);
  }
});

test("a status says for each key whether exactly this fragment is there", async () => {
  const { ask } = await bench();
  const fragment = fragmentOf(1, { index: 2 });
  await ask(storeRequest(fragment), [fragment.body]);
  const { segmentId } = fragment.key;
  const keys = [
    { segmentId, index: 0 },
    { segmentId, index: 2 },
    { segmentId: id(16, 9), index: 2 },
  ];
  assert.deepEqual(await ask({ type: "status", account: owner, keys }), {
    type: "statuses",
    held: [false, true, false],
  });
});

test("a hello is answered for the account that the channel proved", async () => {
  const { ask } = await bench();
  const hello: Hello = {
    type: "hello",
    nowMs: 1_800_000_000_000,
    networkId: new Uint8Array(32),
    logLength: 1,
    headHash: new Uint8Array(32),
    version: 1,
    domain: "home",
  };
  const answered = await ask(hello, [], deviceOf(id(32, 3)));
  assert.ok(answered.type === "hello");
  assert.deepEqual(new Uint8Array(answered.headHash), id(32, 3));
});
