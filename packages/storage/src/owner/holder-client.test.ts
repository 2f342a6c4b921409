import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeRequest, encodeResponse, refusal, type Request, type Response } from "@piccolo/wire";
import { accountOf, codec, codedSegment, holderView } from "../../test-support/owner-context.ts";
import { cellBytes, encodeHeader, fragmentCells } from "../fragment/index.ts";
import type { HolderClient, Message } from "../ports/index.ts";
import { id } from "../suites/suite.ts";
import { WireHolderClient } from "./holder-client.ts";

const signal = new AbortController().signal;
const coded = codedSegment(1, { k: 2, n: 3 }, 300_000);
const header = coded.header(1);
const cells = coded.body(1);
const leaves = cells.map(codec.hash);
const holder = accountOf(5);
const key = { account: codec.account, segmentId: coded.segmentId, index: 1 };

interface Asked {
  readonly client: HolderClient;
  readonly requests: Request[];
  readonly maxBodyBytes: number[];
}

function clientOf(reply: (request: Request) => Message): Asked {
  const requests: Request[] = [];
  const maxBodyBytes: number[] = [];
  const client = new WireHolderClient({
    ownAccount: codec.account,
    hash: codec.hash,
    members: { holders: () => [holderView(5)], onChange: () => () => undefined },
    transport: {
      request: (peer, message, options) => {
        assert.deepEqual(peer.deviceKey, id(32, 5));
        const request = decodeRequest(message.frame);
        requests.push(request);
        maxBodyBytes.push(options.maxBodyBytes);
        return Promise.resolve(reply(request));
      },
    },
  });
  return { client, requests, maxBodyBytes };
}

const answering = (response: Response, body: readonly Uint8Array[] = []): Asked =>
  clientOf(() => ({ frame: encodeResponse(response), body }));

type Cells = Extract<Response, { type: "cells" }>;

function fetchOf(
  change: Partial<Cells>,
  body: readonly Uint8Array[] = cells.slice(1, 3),
): ReturnType<HolderClient["fetch"]> {
  const bodyBytes = body.reduce((sum, { length }) => sum + length, 0);
  const response = { type: "cells" as const, headerBytes: encodeHeader(header), leaves, bodyBytes, ...change };
  return answering(response, body).client.fetch(holder, key, { firstCell: 1, cellCount: 2 }, signal);
}

test("a holder that is no member any more is not asked", async () => {
  const { client, requests } = answering({ type: "stored" });
  await assert.rejects(client.store(accountOf(6), header, cells, signal), { code: "peer-unreachable" });
  assert.deepEqual(requests, []);
});

test("an answer that is no message, or another kind of answer, is the peer's fault", async () => {
  const garbage = clientOf(() => ({ frame: Uint8Array.of(1, 2, 3), body: [] })).client;
  await assert.rejects(garbage.store(holder, header, cells, signal), { code: "peer-protocol" });
  const odd = answering({ type: "removed", count: 1 }).client;
  await assert.rejects(odd.store(holder, header, cells, signal), { code: "peer-protocol" });
  await assert.rejects(odd.fetch(holder, key, { firstCell: 0, cellCount: 1 }, signal), { code: "peer-protocol" });
  await assert.rejects(odd.status(holder, [key], signal), { code: "peer-protocol" });
  const stored = answering({ type: "stored" }).client;
  await assert.rejects(stored.remove(holder, [key.segmentId], signal), { code: "peer-protocol" });
  const many = answering({ type: "statuses", held: [true, false] }).client;
  await assert.rejects(many.status(holder, [key], signal), { code: "peer-protocol" });
  await assert.rejects(fetchOf({ headerBytes: Uint8Array.of(9) }), { code: "peer-protocol" });
});

test("a refusal arrives as the fault of its code", async () => {
  for (const code of ["full", "busy", "conflict", "unknown-fragment", "malformed", "internal"] as const) {
    const { client } = answering(refusal(code, "no"));
    await assert.rejects(client.store(holder, header, cells, signal), { code });
  }
});

test("cells that are changed, missing, surplus or another fragment's are not accepted", async () => {
  const [, second, third] = cells;
  assert.ok(second && third);
  const isWrong = { code: "wrong-root" };
  await assert.rejects(fetchOf({}, [second.with(7, (second[7] ?? 0) ^ 1), third]), isWrong);
  await assert.rejects(fetchOf({}, [second]), isWrong);
  await assert.rejects(fetchOf({}, [second, third.subarray(1)]), isWrong);
  await assert.rejects(fetchOf({}, [second, third, Uint8Array.of(0)]), isWrong);
  await assert.rejects(fetchOf({}, [third, second]), isWrong);
  await assert.rejects(fetchOf({ leaves: leaves.slice(1) }), isWrong);
  await assert.rejects(fetchOf({ leaves: [...leaves, id(32, 1)] }), isWrong);
  await assert.rejects(fetchOf({ leaves: leaves.toReversed() }), isWrong);
  for (const wrong of [
    { ...header, key: { ...header.key, index: 2 } },
    { ...header, key: { ...header.key, account: id(32, 1) } },
    { ...header, key: { ...header.key, segmentId: id(16, 9) } },
    { ...header, roots: [...header.roots.slice(1), ...header.roots.slice(0, 1)] },
    { ...header, fragmentBytes: header.fragmentBytes - 1 },
  ]) {
    await assert.rejects(fetchOf({ headerBytes: encodeHeader(wrong) }), isWrong);
  }
});

test("cells come back one by one, however the body was cut into pieces on its way", async () => {
  const whole = Buffer.concat(cells.slice(1, 3));
  const cuts = [[whole], [whole.subarray(0, 10), whole.subarray(10, 70_000), whole.subarray(70_000)]];
  for (const pieces of cuts) {
    const fetched = await fetchOf(
      {},
      pieces.map((piece) => new Uint8Array(piece)),
    );
    assert.deepEqual(
      fetched.cells.map((cell) => new Uint8Array(cell)),
      fragmentCells(new Uint8Array(Buffer.concat(cells))).slice(1, 3),
    );
    assert.deepEqual(fetched.header, header);
  }
});

test("no more is taken in than was asked for", async () => {
  const { client, requests, maxBodyBytes } = clientOf(({ type }) => {
    const responses: Partial<Record<Request["type"], Response>> = {
      store: { type: "stored" },
      remove: { type: "removed", count: 1 },
      status: { type: "statuses", held: [true] },
    };
    return { frame: encodeResponse(responses[type] ?? refusal("unknown-fragment", "it is not here")), body: [] };
  });
  await client.store(holder, header, cells, signal);
  await client.remove(holder, [key.segmentId], signal);
  assert.deepEqual(await client.status(holder, [key], signal), [true]);
  await assert.rejects(client.fetch(holder, key, { firstCell: 0, cellCount: 2 }, signal), { code: "unknown-fragment" });
  assert.deepEqual(maxBodyBytes, [0, 0, 0, 2 * cellBytes]);
  assert.ok(
    requests.every((request) => request.type === "hello" || Buffer.from(request.account).equals(codec.account)),
  );
});
