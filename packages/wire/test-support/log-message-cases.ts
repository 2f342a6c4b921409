import { concat, toHex } from "@piccolo/bytes";
import { SeededWorld } from "@piccolo/world";
import { encodeLogRequest, encodeLogResponse, type LogRequest, type LogResponse } from "../src/index.ts";
import { shown } from "./message-cases.ts";
import type { BytesPart, VectorSet } from "./vector.ts";

const world = new SeededWorld("vectors/wire/log-messages");
const account = world.randomBytes(32);
const networkId = world.randomBytes(32);
const head = world.randomBytes(270);
const slot = world.randomBytes(300);

function changed(frame: Uint8Array, at: number, value: number): Uint8Array {
  return new Uint8Array(frame).with(at < 0 ? frame.length + at : at, value);
}

export function logMessageCases(): VectorSet {
  const set: VectorSet = {};
  const request = (name: string, about: string, message: LogRequest): Uint8Array => {
    const frame = encodeLogRequest(message);
    const expect = { message: shown(message) as Record<string, unknown> };
    const input = { frame: [toHex(frame)] };
    set[name] = { spec: "wire/1", rule: "W23", about, operation: "decode-log-request", input, expect };
    return frame;
  };
  const response = (name: string, about: string, message: LogResponse): Uint8Array => {
    const frame = encodeLogResponse(message);
    const expect = { message: shown(message) as Record<string, unknown> };
    const input = { frame: [toHex(frame)] };
    set[name] = { spec: "wire/1", rule: "W24", about, operation: "decode-log-response", input, expect };
    return frame;
  };
  const refuse = (
    operation: "decode-log-request" | "decode-log-response",
    name: string,
    about: string,
    frame: Uint8Array | readonly BytesPart[],
  ): void => {
    const rule = operation === "decode-log-request" ? "W23" : "W24";
    const input = { frame: frame instanceof Uint8Array ? [toHex(frame)] : frame };
    set[`refuse-${name}`] = { spec: "wire/1", rule, about, operation, input, expect: { fault: "malformed" } };
  };
  const refuseRequest = refuse.bind(undefined, "decode-log-request");
  const refuseResponse = refuse.bind(undefined, "decode-log-response");

  const append = request("witness-append", "An entry with 70,000 sealed bytes is to be witnessed.", {
    type: "witness-append",
    account,
    head,
    bodyBytes: 70_000,
  });
  const ask = request("witness-head", "The newest head is asked for.", { type: "witness-head", account });
  const entries = request("witness-entries", "Entries from the 300th on, a megabyte of them.", {
    type: "witness-entries",
    account,
    from: 300,
    limitBytes: 1_048_576,
  });
  const put = request("slot-put", "A sealed slot is to be kept.", { type: "slot-put", account, slot });
  request("slot-get", "A slot is asked for by its locator.", { type: "slot-get", account, locator: networkId });
  const read = request("log-read", "The membership log from its eighth entry on.", {
    type: "log-read",
    networkId,
    from: 7,
  });
  const take = request("log-append", "An entry for the membership log.", {
    type: "log-append",
    networkId,
    entry: slot,
  });
  response("witnessed", "The entry is kept; the newest one is the 301st.", { type: "witnessed", sequence: 301 });
  response("witness-state-none", "The witness has no entry.", { type: "witness-state", newest: undefined });
  const state = response("witness-state", "The newest head, and that entries from the 290th on are kept.", {
    type: "witness-state",
    newest: { head, first: 290 },
  });
  const given = response("witness-entries-two", "Two entries.", {
    type: "witness-entries",
    entries: [
      { head, sealedBytes: 100 },
      { head, sealedBytes: 8_000_000 },
    ],
  });
  response("witness-entries-none", "There are no such entries.", { type: "witness-entries", entries: [] });
  response("slot-kept", "A slot with number 4 is kept now.", { type: "slot-kept", number: 4 });
  const found = response("slot", "The slot.", { type: "slot", slot });
  response("slot-none", "There is no slot under this locator.", { type: "slot", slot: undefined });
  const log = response("log-entries", "Two of nine entries of the membership log.", {
    type: "log-entries",
    logLength: 9,
    lengths: [300, 16_384],
  });
  response("log-appended", "The membership log has ten entries now.", { type: "log-appended", logLength: 10 });
  for (const code of ["fenced", "log-gap", "log-fork", "rate-limited", "untimely"] as const) {
    const message = { type: "refused", code, retryAfterMs: code === "rate-limited" ? 5000 : 0, message: "" } as const;
    response(`refused-${code}`, `A refusal with the code ${code}.`, message);
  }

  refuseRequest("log-request-type-6", "A greeting where a request about logs is due.", changed(ask, 1, 6));
  refuseRequest("log-request-type-14", "A request of type 14.", changed(ask, 1, 14));
  refuseRequest("log-request-format-2", "Format 2.", changed(ask, 0, 2));
  refuseRequest("witness-append-cut", "The last byte is missing.", append.subarray(0, -1));
  refuseRequest("witness-append-longer", "One byte is left over.", concat(append, new Uint8Array(1)));
  refuseRequest("witness-append-no-body", "A body of 0 bytes.", concat(append.subarray(0, -4), new Uint8Array(4)));
  refuseRequest(
    "witness-append-long-body",
    "A body of 8 MiB and a byte.",
    concat(append.subarray(0, -4), new Uint8Array([0, 128, 0, 1])),
  );
  refuseRequest("witness-append-no-head", "A head of 0 bytes.", ["0107", toHex(account), "00000000", "00000001"]);
  refuseRequest("witness-append-long-head", "A head of 513 bytes.", [
    "0107",
    toHex(account),
    "00000201",
    { repeat: "00", count: 513 },
    "00000001",
  ]);
  refuseRequest("witness-entries-limit-0", "A limit of 0.", concat(entries.subarray(0, -4), new Uint8Array(4)));
  refuseRequest("witness-entries-late", "A sequence over 2^53 - 1.", changed(entries, 34, 1));
  refuseRequest("slot-put-empty", "A slot of 0 bytes.", concat(put.subarray(0, 34), new Uint8Array(4)));
  refuseRequest("slot-put-long", "A slot of 53,623 bytes.", [
    "010a",
    toHex(account),
    "0000d177",
    { repeat: "00", count: 53_623 },
  ]);
  refuseRequest("log-read-cut", "The last byte is missing.", read.subarray(0, -1));
  refuseRequest("log-append-empty", "An entry of 0 bytes.", concat(take.subarray(0, 34), new Uint8Array(4)));
  refuseResponse("log-response-type-143", "A response of type 143.", changed(state, 1, 143));
  refuseResponse("log-response-type-134", "A greeting where a response about logs is due.", changed(state, 1, 134));
  refuseResponse("witness-state-odd-truth", "A truth value of 2.", changed(state, 2, 2));
  refuseResponse("witness-state-cut", "The last byte is missing.", state.subarray(0, -1));
  refuseResponse("witness-entries-miscounted", "Three entries are announced, two follow.", changed(given, 3, 3));
  refuseResponse("witness-entries-long-body", "Payloads of more than 8 MiB together.", changed(given, -3, 128));
  refuseResponse("witness-entries-too-many", "65 entries.", [
    "018a",
    "0041",
    { repeat: "000000010000000001", count: 65 },
  ]);
  refuseResponse("slot-empty", "A slot of 0 bytes.", new Uint8Array([1, 140, 1, 0, 0, 0, 0]));
  refuseResponse("slot-longer", "One byte is left over.", concat(found, new Uint8Array(1)));
  refuseResponse("log-entries-long-entry", "An entry of 16,385 bytes.", changed(log, -1, 1));
  refuseResponse("log-entries-empty-entry", "An entry of 0 bytes.", concat(log.subarray(0, -4), new Uint8Array(4)));
  refuseResponse("log-entries-long-body", "Entries of more than 1 MiB together.", [
    "018d",
    "000000ff",
    "0041",
    { repeat: "00004000", count: 65 },
  ]);
  return set;
}
