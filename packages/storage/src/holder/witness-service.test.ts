import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, toHex } from "@piccolo/bytes";
import { ed25519FromSeed, signStatement } from "@piccolo/envelope";
import { membershipFaults } from "@piccolo/membership";
import { decodeLogResponse, encodeLogRequest, type LogRequest, type LogResponse } from "@piccolo/wire";
import { MemoryWitnessStore } from "../fakes/index.ts";
import { type LogHead, noHash, sealedHashOf, signHead } from "../log/index.ts";
import type { Message } from "../ports/index.ts";
import { id, pattern } from "../suites/suite.ts";
import { WitnessService } from "./index.ts";

const networkId = id(32, 1);
const [account, other] = [id(32, 2), id(32, 3)];
const devices = [ed25519FromSeed(id(32, 10)), ed25519FromSeed(id(32, 11))] as const;
const [first, second] = devices;
const never = new AbortController().signal;

interface Setup {
  readonly store: MemoryWitnessStore;
  readonly entries: Uint8Array[];
  quotaBytes: number;
  /** Devices of the account that the membership log knows, by epoch from 1. */
  known: number;
  /** The same store behind a service that has just started. */
  restart(): void;
  service(): WitnessService;
  send(key: Uint8Array, request: LogRequest, body?: Uint8Array): Promise<Message>;
  ask(key: Uint8Array, request: LogRequest, body?: Uint8Array): Promise<LogResponse>;
}

function setup(): Setup {
  const store = new MemoryWitnessStore();
  const entries = [pattern(100, 1)];
  const make = (): WitnessService =>
    new WitnessService({
      store,
      memberOf: (key) => {
        const at = devices.slice(0, it.known).findIndex(({ publicKey }) => toHex(publicKey) === toHex(key));
        return at < 0 ? undefined : { account, deviceEpoch: at + 1 };
      },
      deviceKeyOf: (of, epoch) => (toHex(of) === toHex(account) ? devices[epoch - 1]?.publicKey : undefined),
      membership: () => ({
        networkId,
        logLength: entries.length,
        entriesFrom: (index) => entries.slice(index),
        append: (entry) => {
          if (entry.length < 10) throw membershipFaults.fault("membership-signature", "it does not fit");
          return entries.push(entry);
        },
      }),
      quotaBytes: () => it.quotaBytes,
      report: () => undefined,
    });
  let service: WitnessService | undefined;
  const it: Setup = {
    store,
    entries,
    quotaBytes: 1e6,
    known: 2,
    restart: () => {
      service = make();
    },
    service: () => (service ??= make()),
    send: async (key, request, body) => {
      const frame = encodeLogRequest(request);
      const admitted = it.service().admit(key, frame);
      if ("refusal" in admitted) return admitted.refusal;
      try {
        assert.equal(admitted.bodyBytes, body?.length ?? 0);
        return await it.service().handle(key, { frame, body: body === undefined ? [] : [body] }, never);
      } finally {
        admitted.release();
      }
    },
    ask: async (key, request, body) => decodeLogResponse((await it.send(key, request, body)).frame),
  };
  return it;
}

const sealed = pattern(300);

function appendOf(change: Partial<LogHead> = {}, signer = first): LogRequest {
  const head: LogHead = {
    kind: "delta",
    network: networkId,
    account,
    deviceEpoch: 1,
    keyEpoch: 1,
    sequence: 1,
    previousHash: noHash,
    sealedHash: sealedHashOf(sealed),
    sealedBytes: sealed.length,
    schemaVersion: 1,
    checkpoint: 0,
    witnessSet: { logLength: 1, headHash: networkId },
    timeMs: 0,
    ...change,
  };
  const { bytes } = signHead(head, (statement) => signStatement(signer, statement));
  return { type: "witness-append", account, head: bytes, bodyBytes: sealed.length };
}

const code = (response: LogResponse): string => (response.type === "refused" ? response.code : response.type);

test("strangers are refused, and so is whatever is another member's or another network's", async () => {
  const it = setup();
  assert.equal(code(await it.ask(id(32, 99), { type: "witness-head", account })), "not-a-member");
  assert.equal(code(await it.ask(first.publicKey, { type: "witness-head", account: other })), "not-yours");
  assert.equal(code(await it.ask(first.publicKey, { type: "slot-get", account: other, locator: other })), "not-yours");
  assert.equal(code(await it.ask(first.publicKey, { type: "log-read", networkId: other, from: 0 })), "not-yours");
  assert.equal(code(await it.ask(first.publicKey, appendOf({ account: other }), sealed)), "not-yours");
  assert.equal(code(await it.ask(first.publicKey, appendOf({ network: other }), sealed)), "not-yours");
});

test("heads that are unsigned, of another device, or of another payload are refused", async () => {
  const it = setup();
  assert.equal(code(await it.ask(first.publicKey, appendOf({}, second), sealed)), "malformed");
  assert.equal(code(await it.ask(first.publicKey, appendOf(), pattern(300, 7))), "malformed");
  assert.equal(code(await it.ask(first.publicKey, appendOf({ deviceEpoch: 2 }, second), sealed)), "malformed");
  const request = { type: "witness-append", account, head: pattern(270), bodyBytes: sealed.length } as const;
  assert.equal(code(await it.ask(first.publicKey, request, sealed)), "malformed");
  assert.equal(it.store.log(account).newest, undefined);
});

test("an entry is kept and handed out to its owner", async () => {
  const it = setup();
  assert.deepEqual(await it.ask(first.publicKey, appendOf(), sealed), { type: "witnessed", sequence: 1 });
  assert.deepEqual(await it.ask(first.publicKey, appendOf(), sealed), { type: "witnessed", sequence: 1 });
  const request = { type: "witness-entries", account, from: 1, limitBytes: 1_000 } as const;
  const reply = await it.send(first.publicKey, request);
  assert.deepEqual(concat(...reply.body), sealed);
  const fork = appendOf({ timeMs: 5 });
  assert.equal(code(await it.ask(first.publicKey, fork, sealed)), "log-fork");
  assert.equal(code(await it.ask(first.publicKey, appendOf({ sequence: 3, previousHash: other }), sealed)), "log-gap");
});

test("what is over the quota is refused as full", async () => {
  const it = setup();
  it.quotaBytes = 299;
  assert.equal(code(await it.ask(first.publicKey, appendOf(), sealed)), "full");
});

test("a power cut before the commit is on the disk is no acknowledgement", async () => {
  const it = setup();
  const append = it.store.append.bind(it.store);
  it.store.append = (...entry) => {
    const kept = append(...entry);
    it.store.crash();
    return kept;
  };
  assert.equal(code(await it.ask(first.publicKey, appendOf(), sealed)), "internal");
  assert.equal(it.store.log(account).newest, undefined);
});

test("a replacement that has asked fences the old device for good, also where the membership log went back", async () => {
  const it = setup();
  assert.equal(code(await it.ask(first.publicKey, appendOf(), sealed)), "witnessed");
  assert.equal(code(await it.ask(second.publicKey, { type: "witness-head", account })), "witness-state");
  it.known = 1;
  it.restart();
  for (const request of [
    { type: "witness-head", account },
    { type: "witness-entries", account, from: 1, limitBytes: 1_000 },
    { type: "slot-put", account, slot: pattern(50) },
  ] as const) {
    assert.equal(code(await it.ask(first.publicKey, request)), "fenced");
  }
  assert.equal(code(await it.ask(first.publicKey, appendOf({ sequence: 2, previousHash: other }), sealed)), "fenced");
});

test("slots that do not verify are refused, and a locator nobody used has none", async () => {
  const it = setup();
  assert.equal(code(await it.ask(first.publicKey, { type: "slot-put", account, slot: pattern(50) })), "malformed");
  assert.deepEqual(await it.ask(first.publicKey, { type: "slot-get", account, locator: other }), {
    type: "slot",
    slot: undefined,
  });
});

test("the membership log is read in pages, and takes only what passes its rules", async () => {
  const it = setup();
  for (let at = 0; at < 100; at++) it.entries.push(pattern(16_384, at));
  const reply = await it.send(first.publicKey, { type: "log-read", networkId, from: 1 });
  const response = decodeLogResponse(reply.frame);
  assert.ok(response.type === "log-entries");
  assert.equal(response.logLength, 101);
  assert.equal(response.lengths.length, 64);
  assert.equal(concat(...reply.body).length, 1_048_576);
  const append = (entry: Uint8Array): Promise<LogResponse> =>
    it.ask(first.publicKey, { type: "log-append", networkId, entry });
  assert.equal(code(await append(pattern(5))), "conflict");
  assert.deepEqual(await append(pattern(50)), { type: "log-appended", logLength: 102 });
  const past = await it.ask(first.publicKey, { type: "log-read", networkId, from: 200 });
  assert.deepEqual(past, { type: "log-entries", logLength: 102, lengths: [] });
});

test("what members have under way at once is bounded", async () => {
  const it = setup();
  const large = { type: "witness-entries", account, from: 1, limitBytes: 8_388_608 } as const;
  const answers = await Promise.all(Array.from({ length: 6 }, () => it.ask(first.publicKey, large)));
  assert.equal(answers.filter((answer) => code(answer) === "busy").length, 2);
  assert.equal(code(await it.ask(first.publicKey, large)), "witness-entries");
});

test("an answer counts with the most it may be, until it is sent: whatever limit is named, and before the entry is there", async () => {
  const it = setup();
  const service = it.service();
  const admitted = (request: LogRequest): (() => void) | undefined => {
    const given = service.admit(first.publicKey, encodeLogRequest(request));
    return "refusal" in given ? undefined : given.release;
  };
  const entries = { type: "witness-entries", account, from: 1, limitBytes: 1 } as const;
  const held = Array.from({ length: 5 }, () => admitted(entries));
  assert.deepEqual(
    held.map((release) => release !== undefined),
    [true, true, true, true, false],
  );
  held.forEach((release) => release?.());
  const page = { type: "log-read", networkId, from: 0 } as const;
  const pages = Array.from({ length: 33 }, () => admitted(page));
  assert.equal(pages.filter((release) => release !== undefined).length, 32);
  pages.forEach((release) => release?.());
  assert.ok(admitted(entries) !== undefined);
});
