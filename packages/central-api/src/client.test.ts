import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { toBase64Url, toHex } from "@piccolo/bytes";
import { ed25519FromSeed, signStatement } from "@piccolo/envelope";
import { SeededWorld } from "@piccolo/world";
import { type CentralClient, createCentralClient } from "./client.ts";
import { decodeCredentials, verifyCall } from "./signed-call.ts";
import { vaultEntriesAtOnce } from "./vault-client.ts";
import { encodeVaultPage } from "./vault.ts";

const world = new SeededWorld("client");
const key = ed25519FromSeed(world.randomBytes(32));
const account = world.randomBytes(32);
const network = world.randomBytes(32);

type Fetch = (input: string, init: RequestInit) => Promise<Response>;

function clientOf(fetch: Fetch, baseUrl = "https://central.example/piccolo"): CentralClient {
  return createCentralClient({
    baseUrl,
    fetch,
    account,
    publicKey: key.publicKey,
    sign: (statement) => signStatement(key, statement),
    world,
  });
}

const replying =
  (body: string | Uint8Array<ArrayBuffer> | ReadableStream | null, status = 200): Fetch =>
  () =>
    Promise.resolve(new Response(body, { status }));
const json = (value: unknown, status = 200): Fetch => replying(JSON.stringify(value), status);

test("a network failure is `central-unreachable`, and its cause is kept", async () => {
  const cause = new TypeError("fetch failed");
  await assert.rejects(clientOf(() => Promise.reject(cause)).relays(), { code: "central-unreachable", cause });
  const broken = new ReadableStream({ start: (controller) => controller.error(cause) });
  await assert.rejects(clientOf(replying(broken)).relays(), { code: "central-unreachable", cause });
});

test("a reply that does not come in time ends the call", async () => {
  let aborted = false;
  const never: Fetch = (_, { signal }) =>
    new Promise((_, reject) => {
      signal?.addEventListener("abort", () => {
        aborted = true;
        reject(new Error("aborted"));
      });
    });
  const call = assert.rejects(clientOf(never).relays(), { code: "central-unreachable", retry: "later" });
  await world.advance(20_000);
  await call;
  assert.ok(aborted);
});

test("the caller's signal ends the call with its own reason, before and while it runs", async () => {
  const never: Fetch = (_, { signal }) =>
    new Promise((_, reject) => {
      signal?.addEventListener("abort", () => reject(new Error("aborted")));
      if (signal?.aborted === true) reject(new Error("aborted"));
    });
  const reason = new Error("the device stops");
  const stop = new AbortController();
  const call = assert.rejects(clientOf(never).relays({ signal: stop.signal }), reason);
  stop.abort(reason);
  await call;
  await assert.rejects(clientOf(never).relays({ signal: stop.signal }), reason);
});

test("a refusal becomes a fault with central's code, and tells whether trying again can help", async () => {
  const problem = {
    type: "about:blank",
    title: "Head moved",
    status: 409,
    code: "head-moved",
    detail: "fetch the newest log",
    retry: false,
    details: { length: 3 },
  };
  await assert.rejects(clientOf(json(problem, 409)).append(network, new Uint8Array(3)), {
    code: "head-moved",
    retry: "never",
    message: "fetch the newest log",
    details: { length: 3, status: 409 },
  });
});

test("what is not central's form is never taken for an answer", async () => {
  const proxies: readonly (readonly [Fetch, string])[] = [
    [replying("<html>", 404), "unexpected-reply"],
    [replying("<html>", 502), "central-unreachable"],
    [replying("<html>"), "unexpected-reply"],
    [replying(new Uint8Array([0xff, 0xfe])), "unexpected-reply"],
    [replying(null), "unexpected-reply"],
    [json({ multiaddrs: "none" }), "unexpected-reply"],
    [json({ multiaddrs: ["nonsense"] }), "unexpected-reply"],
    [json({ code: "Not A Code", status: 400 }, 400), "unexpected-reply"],
    [replying(" ".repeat(9_000_000)), "unexpected-reply"],
  ];
  for (const [fetch, code] of proxies) await assert.rejects(clientOf(fetch).relays(), { code });
});

test("central cannot serve another part of the log than was asked for, nor bytes that are none", async () => {
  const page = { networkId: toHex(network), from: 0, length: 2, entries: ["AAAA"] };
  await assert.rejects(clientOf(json({ ...page, from: 1 })).readLog(network, 0), { code: "unexpected-reply" });
  await assert.rejects(clientOf(json(page)).readLog(network, 0), { code: "unexpected-reply" }, "the same page again");
  await assert.rejects(clientOf(json({ ...page, length: 1, entries: ["AAAAB"] })).readLog(network, 0), {
    code: "unexpected-reply",
  });
  assert.deepEqual(await clientOf(json({ ...page, length: 1 })).readLog(network, 0), [new Uint8Array(3)]);
});

test("every call is signed for exactly what is sent, with a nonce of its own; the clock is asked without", async () => {
  const nonces = new Set<string>();
  const checking: Fetch = async (input, init) => {
    const url = new URL(input);
    const header = new Headers(init.headers).get("authorization");
    const body = new Uint8Array(await new Response(init.body).arrayBuffer());
    const credentials = decodeCredentials(header ?? undefined);
    assert.ok(
      verifyCall(
        {
          method: init.method ?? "",
          host: url.host,
          target: url.pathname.replace("/piccolo/", "/") + url.search,
          body,
        },
        credentials,
      ),
    );
    nonces.add(toBase64Url(credentials.nonce));
    return Response.json({
      networkId: toHex(network),
      from: 7,
      length: 7,
      entries: [],
      headHash: toHex(network),
      expiresAtMs: 9,
    });
  };
  const client = clientOf(checking, "https://central.example:8443/piccolo");
  await client.readLog(network, 7);
  await client.readLog(network, 7, { invitation: { signed: new Uint8Array(9), key } });
  await client.found(new Uint8Array(3));
  await client.announce([], 1000);
  await client.withdraw(network, network);
  assert.equal(nonces.size, 5);

  const unsigned: Fetch = (_, init) => {
    assert.equal(new Headers(init.headers).get("authorization"), null);
    return Promise.resolve(Response.json({ timeMs: 12 }));
  };
  assert.equal(await clientOf(unsigned).time(), 12);
});

test("only a signature of the invitation's key leaves the device, and errors hold nothing of it", async () => {
  const seed = world.randomBytes(32);
  const invitation = { signed: new Uint8Array(9), key: ed25519FromSeed(seed) };
  let sent = "";
  const failing: Fetch = async (input, init) => {
    sent = input + JSON.stringify(init.headers) + (await new Response(init.body).text());
    throw new TypeError("fetch failed");
  };
  const error = await clientOf(failing)
    .readLog(network, 0, { invitation })
    .then(
      () => undefined,
      (reason: unknown) => reason,
    );
  for (const text of [sent, inspect(error, { depth: 9 })]) {
    for (const secret of [toHex(seed), toBase64Url(seed)]) assert.ok(!text.includes(secret));
  }
});

test("what central sends of the vault is bounded and has its form, or is refused", async () => {
  const state = { sequence: 1, first: 1, head: "AAAA", usedBytes: 3, quotaBytes: 9 };
  for (const wrong of [
    { ...state, head: null },
    { ...state, sequence: 0 },
    { ...state, head: "A" },
    { ...state, head: "A".repeat(10_000) },
    { ...state, first: 0 },
    {},
  ]) {
    await assert.rejects(clientOf(json(wrong)).vaultState(network), { code: "unexpected-reply" });
  }
  assert.deepEqual((await clientOf(json(state)).vaultState(network)).head, new Uint8Array(3));

  const entry = { head: new Uint8Array(3), sealed: new Uint8Array(4) };
  const page = encodeVaultPage({ first: 1, newest: 2, entries: [entry] });
  const broken = [
    page.subarray(1),
    page.with(0, 2),
    new Uint8Array([...page, 0]),
    page.with(17, 255),
    new Uint8Array(0),
  ];
  for (const bytes of broken) {
    await assert.rejects(clientOf(replying(new Uint8Array(bytes))).readVault(network, 1), { code: "unexpected-reply" });
  }
  await assert.rejects(clientOf(replying(new Uint8Array(9_000_000))).getBlob(account.subarray(16)), {
    code: "unexpected-reply",
  });
  assert.deepEqual((await clientOf(replying(page)).readVault(network, 1)).entries, [entry]);
  await assert.rejects(clientOf(json({ blobs: [{ id: "x", sizeBytes: 1 }] })).listBlobs(), {
    code: "unexpected-reply",
  });
});

test("bytes go out as they are, and the signature covers them", async () => {
  const bytes = world.randomBytes(1_000);
  let calls = 0;
  const taking: Fetch = (input, { method, headers, body }) => {
    calls += 1;
    const sent = new Headers(headers);
    assert.equal(sent.get("content-type"), "application/octet-stream");
    const url = new URL(input);
    const parts = { method: method ?? "", host: url.host, target: url.pathname.slice("/piccolo".length), body: bytes };
    assert.deepEqual(new Uint8Array(body as ArrayBuffer), bytes);
    assert.ok(verifyCall(parts, decodeCredentials(sent.get("authorization") ?? "")));
    return Promise.resolve(new Response(null, { status: 204 }));
  };
  await clientOf(taking).putBlob(account.subarray(16), bytes);
  assert.equal(calls, 1);
});

test("so many entries go at once as central takes", () => {
  const entry = (size: number) => ({ head: new Uint8Array(270), sealed: new Uint8Array(size) });
  assert.equal(vaultEntriesAtOnce([entry(8_000_000), entry(1)]), 1);
  assert.equal(vaultEntriesAtOnce([entry(1), entry(2_000_000), entry(2_500_000)]), 2);
  assert.equal(vaultEntriesAtOnce([entry(1), entry(1)]), 2);
  assert.equal(vaultEntriesAtOnce(Array.from({ length: 300 }, () => entry(1))), 256);
});
