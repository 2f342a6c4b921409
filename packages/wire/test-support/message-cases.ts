import { ByteWriter, concat, toHex } from "@piccolo/bytes";
import { SeededWorld } from "@piccolo/world";
import { encodeRequest, encodeResponse, type Request, type Response } from "../src/index.ts";
import type { BytesPart, VectorSet } from "./vector.ts";

const world = new SeededWorld("vectors/wire/messages");
const account = world.randomBytes(32);
const segmentId = world.randomBytes(16);
const laterId = world.randomBytes(16);
const hash = world.randomBytes(32);
const headerBytes = world.randomBytes(24);

/** A message as JSON shows it: bytes as hexadecimal, an absent value as null. */
export function shown(value: unknown): unknown {
  if (value === undefined) return null;
  if (value instanceof Uint8Array) return toHex(value);
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, shown(field)]));
}

const frameOf = (write: (writer: ByteWriter) => ByteWriter): Uint8Array => write(new ByteWriter()).finish();

function changed(frame: Uint8Array, at: number, value: number): Uint8Array {
  const copy = new Uint8Array(frame);
  copy[at < 0 ? frame.length + at : at] = value;
  return copy;
}

export function messageCases(): VectorSet {
  const set: VectorSet = {};
  const request = (name: string, rule: string, about: string, message: Request): Uint8Array => {
    const frame = encodeRequest(message);
    const expect = { message: shown(message) as Record<string, unknown> };
    set[name] = { spec: "wire/1", rule, about, operation: "decode-request", input: { frame: [toHex(frame)] }, expect };
    return frame;
  };
  const response = (name: string, rule: string, about: string, message: Response): Uint8Array => {
    const frame = encodeResponse(message);
    const expect = { message: shown(message) as Record<string, unknown> };
    set[name] = { spec: "wire/1", rule, about, operation: "decode-response", input: { frame: [toHex(frame)] }, expect };
    return frame;
  };
  const refuse = (
    operation: "decode-request" | "decode-response",
    name: string,
    rule: string,
    about: string,
    frame: Uint8Array | readonly BytesPart[],
  ): void => {
    const parts = frame instanceof Uint8Array ? [toHex(frame)] : frame;
    set[`refuse-${name}`] = {
      spec: "wire/1",
      rule,
      about,
      operation,
      input: { frame: parts },
      expect: { fault: "malformed" },
    };
  };
  const refuseRequest = refuse.bind(undefined, "decode-request");
  const refuseResponse = refuse.bind(undefined, "decode-response");

  const store = request("store", "W8", "A fragment of 70,000 bytes is to be kept.", {
    type: "store",
    account,
    headerBytes,
    bodyBytes: 70_000,
  });
  const fetch = request("fetch", "W8", "Two cells of a fragment.", {
    type: "fetch",
    account,
    segmentId,
    index: 4,
    firstCell: 1,
    cellCount: 2,
  });
  request("fetch-all", "W10", "Every cell of the longest fragment.", {
    type: "fetch",
    account,
    segmentId,
    index: 0,
    firstCell: 0,
    cellCount: 128,
  });
  const remove = request("remove", "W8", "Two segments are to go.", {
    type: "remove",
    account,
    segmentIds: [segmentId, laterId],
  });
  const list = request("list", "W8", "The first names.", { type: "list", account, after: undefined, limit: 512 });
  request("list-continued", "W14", "The names behind one.", { type: "list", account, after: segmentId, limit: 1 });
  request("status", "W8", "Are these two there?", {
    type: "status",
    account,
    keys: [
      { segmentId, index: 0 },
      { segmentId: laterId, index: 255 },
    ],
  });
  const hello = {
    type: "hello",
    nowMs: 1_800_000_000_000,
    networkId: hash,
    logLength: 7,
    headHash: account,
    domain: "household-3",
  } as const;
  const helloRequest = request("hello-request", "W16", "A greeting.", { ...hello, version: 1 });
  response("hello-response", "W16", "A greeting returned.", { ...hello, version: 1 });

  response("stored", "W9", "A fragment is kept.", { type: "stored" });
  const cells = response("cells", "W9", "Cells of a fragment that has two.", {
    type: "cells",
    headerBytes,
    leaves: [hash, account],
    bodyBytes: 65_600,
  });
  response("removed", "W13", "One of the named segments was there.", { type: "removed", count: 1 });
  const listing = response("listing", "W9", "One name, and more to come.", {
    type: "listing",
    entries: [{ segmentId, index: 4, root: hash, sizeBytes: 70_000 }],
    more: true,
  });
  response("listing-empty", "W9", "No names.", { type: "listing", entries: [], more: false });
  const statuses = response("statuses", "W15", "Ten keys, the first and the last are there.", {
    type: "statuses",
    held: Array.from({ length: 10 }, (_, at) => at === 0 || at === 9),
  });
  const refused = response("refused", "W17", "The holder is busy for a second.", {
    type: "refused",
    code: "busy",
    retryAfterMs: 1000,
    message: "zu viele Anfragen über dem Maß",
  });
  response("refused-wordless", "W17", "A refusal without a text.", {
    type: "refused",
    code: "internal",
    retryAfterMs: 0,
    message: "",
  });

  refuseRequest("empty", "W7", "No bytes at all.", new Uint8Array(0));
  refuseRequest("format-alone", "W7", "A format and no type.", new Uint8Array([1]));
  refuseRequest("format-0", "W7", "Format 0.", changed(store, 0, 0));
  refuseRequest("format-2", "W7", "Format 2.", changed(store, 0, 2));
  refuseRequest("request-type-0", "W7", "A request of type 0.", changed(store, 1, 0));
  refuseRequest("request-type-7", "W7", "A request of type 7.", changed(store, 1, 7));
  refuseRequest("response-as-request", "W7", "A response where a request is due.", cells);
  refuseResponse("request-as-response", "W7", "A request where a response is due.", fetch);
  refuseResponse("response-type-128", "W7", "A response of type 128.", changed(cells, 1, 128));
  refuseResponse("response-type-136", "W7", "A response of type 136.", changed(cells, 1, 136));
  refuseRequest("store-cut", "W7", "The last byte is missing.", store.subarray(0, -1));
  refuseRequest("store-longer", "W7", "One byte is left over.", concat(store, new Uint8Array(1)));
  refuseRequest("store-no-header", "W8", "A header of 0 bytes.", ["0101", toHex(account), "0000000000000001"]);
  refuseRequest("store-long-header", "W8", "A header of 10,241 bytes.", [
    "0101",
    toHex(account),
    "00002801",
    { repeat: "00", count: 10_241 },
    "00000001",
  ]);
  refuseRequest("store-endless-header", "W8", "A header of 4 GiB is announced.", ["0101", toHex(account), "ffffffff"]);
  refuseRequest("store-no-body", "W8", "A body of 0 bytes.", concat(store.subarray(0, -4), new Uint8Array(4)));
  refuseRequest(
    "store-long-body",
    "W8",
    "A body of 8 MiB and a byte.",
    concat(store.subarray(0, -4), new Uint8Array([0, 128, 0, 1])),
  );
  refuseRequest("fetch-no-cells", "W10", "Zero cells.", changed(fetch, -1, 0));
  refuseRequest("fetch-cells-past-end", "W10", "Cells 1 to 128: the last would be the 129th.", changed(fetch, -1, 128));
  refuseRequest("fetch-first-past-end", "W10", "From cell 257 on.", changed(fetch, -4, 1));
  refuseRequest("remove-nothing", "W7", "No segment at all.", ["0103", toHex(account), "0000"]);
  refuseRequest("remove-too-many", "W7", "257 segments.", [
    "0103",
    toHex(account),
    "0101",
    { repeat: toHex(segmentId), count: 257 },
  ]);
  refuseRequest("remove-miscounted", "W7", "One segment is announced, two follow.", changed(remove, 35, 1));
  refuseRequest("list-limit-0", "W7", "A limit of 0.", concat(list.subarray(0, -2), new Uint8Array(2)));
  refuseRequest("list-limit-513", "W7", "A limit of 513.", changed(list, -1, 1));
  refuseRequest("list-odd-truth", "W7", "A truth value of 2.", changed(list, 34, 2));
  refuseRequest("status-nothing", "W7", "No key at all.", ["0105", toHex(account), "0000"]);
  refuseRequest("status-too-many", "W7", "1,025 keys.", [
    "0105",
    toHex(account),
    "0401",
    { repeat: `${toHex(segmentId)}00`, count: 1025 },
  ]);
  refuseRequest(
    "hello-domain",
    "W16",
    "A failure domain in capitals.",
    changed(helloRequest, helloRequest.length - 1, 0x41),
  );
  refuseRequest("hello-late", "W7", "A time over 2^53 - 1.", changed(helloRequest, 2, 1));
  refuseResponse("stored-longer", "W7", "One byte is left over.", new Uint8Array([1, 129, 0]));
  refuseResponse("cells-no-header", "W9", "A header of 0 bytes.", [
    "0182",
    "00000000",
    "0001",
    toHex(hash),
    "00000001",
  ]);
  refuseResponse("cells-no-leaves", "W9", "No leaves.", ["0182", "00000001", "00", "0000", "00000001"]);
  refuseResponse("cells-too-many-leaves", "W9", "129 leaves.", [
    "0182",
    "00000001",
    "00",
    "0081",
    { repeat: toHex(hash), count: 129 },
    "00000001",
  ]);
  refuseResponse("cells-no-body", "W9", "A body of 0 bytes.", concat(cells.subarray(0, -4), new Uint8Array(4)));
  refuseResponse("removed-too-many", "W9", "257 segments removed.", new Uint8Array([1, 131, 1, 1]));
  refuseResponse("listing-too-long", "W9", "513 entries.", [
    "0184",
    "0201",
    { repeat: `${toHex(segmentId)}00${toHex(hash)}00000001`, count: 513 },
    "00",
  ]);
  refuseResponse("listing-odd-truth", "W7", "A truth value of 255.", changed(listing, -1, 255));
  refuseResponse("statuses-nothing", "W9", "No key at all.", new Uint8Array([1, 133, 0, 0]));
  refuseResponse("statuses-stray-bit", "W15", "A bit behind the last key is set.", changed(statuses, -1, 0x60));
  refuseResponse("statuses-short-bitmap", "W15", "A bitmap of one byte for ten keys.", statuses.subarray(0, -1));
  refuseResponse("statuses-long-bitmap", "W15", "A byte too many.", concat(statuses, new Uint8Array(1)));
  refuseResponse("refused-code-0", "W17", "Code 0.", changed(refused, 2, 0));
  refuseResponse("refused-code-15", "W17", "Code 15.", changed(refused, 2, 15));
  refuseResponse("refused-long-text", "W9", "A text of 513 bytes.", [
    "0187090000000002",
    "01",
    { repeat: "61", count: 513 },
  ]);
  refuseResponse("refused-control-character", "W18", "An escape character.", [
    toHex(frameOf((writer) => writer.u8(1).u8(135).u8(9).u32(0).u16(2))),
    "1b61",
  ]);
  refuseResponse("refused-late-control-character", "W18", "A control character of the second kind, U+009B.", [
    toHex(frameOf((writer) => writer.u8(1).u8(135).u8(9).u32(0).u16(2))),
    "c29b",
  ]);
  refuseResponse("refused-not-utf8", "W18", "A cut letter.", [
    toHex(frameOf((writer) => writer.u8(1).u8(135).u8(9).u32(0).u16(1))),
    "c3",
  ]);
  return set;
}
