import { ByteReader, ByteWriter, malformed } from "@piccolo/bytes";
import { assertInRange, checkInRange, readType } from "./fields.ts";
import { accountBytes, hashBytes, maxBodyBytes, wireFormat } from "./format.ts";
import { locatorBytes, maxHeadBytes, maxMembershipEntryBytes, maxSlotBytes } from "./log-format.ts";

/**
 * What a member asks of a witness of its metadata log and of somebody who keeps its sealed slot, and what members ask
 * each other about the membership log. Who asks follows from the channel.
 */
export type LogRequest =
  | WitnessAppendRequest
  | WitnessHeadRequest
  | WitnessEntriesRequest
  | SlotPutRequest
  | SlotGetRequest
  | LogReadRequest
  | LogAppendRequest;

/** Keep this entry of my metadata log. Its sealed payload is the body. */
export interface WitnessAppendRequest {
  readonly type: "witness-append";
  /** 32 bytes. */
  readonly account: Uint8Array;
  /** The encoded, signed head; 1 to 512 bytes. */
  readonly head: Uint8Array;
  /** 1 to 8 MiB. */
  readonly bodyBytes: number;
}

/** What is the newest entry you have of my metadata log? From then on no earlier device of mine may append. */
export interface WitnessHeadRequest {
  readonly type: "witness-head";
  readonly account: Uint8Array;
}

/** Give back entries of my metadata log from a sequence on, as many as fit. */
export interface WitnessEntriesRequest {
  readonly type: "witness-entries";
  readonly account: Uint8Array;
  readonly from: number;
  /** Of the sealed payloads together, 1 to 8 MiB; one entry comes whatever its size. */
  readonly limitBytes: number;
}

/** Keep this sealed slot of mine under its locator. */
export interface SlotPutRequest {
  readonly type: "slot-put";
  readonly account: Uint8Array;
  /** 1 to 53,622 bytes (docs/spec/slots.md). */
  readonly slot: Uint8Array;
}

/** Give back my sealed slot. */
export interface SlotGetRequest {
  readonly type: "slot-get";
  readonly account: Uint8Array;
  /** 32 bytes. */
  readonly locator: Uint8Array;
}

/** Give back the entries of the membership log from an index on. */
export interface LogReadRequest {
  readonly type: "log-read";
  readonly networkId: Uint8Array;
  readonly from: number;
}

/** Take this entry into the membership log, if it passes the rules. */
export interface LogAppendRequest {
  readonly type: "log-append";
  readonly networkId: Uint8Array;
  /** 1 to 16,384 bytes (docs/spec/membership.md). */
  readonly entry: Uint8Array;
}

const types = {
  "witness-append": 7,
  "witness-head": 8,
  "witness-entries": 9,
  "slot-put": 10,
  "slot-get": 11,
  "log-read": 12,
  "log-append": 13,
} as const;
const headRange = { min: 1, max: maxHeadBytes };
const bodyRange = { min: 1, max: maxBodyBytes };
const slotRange = { min: 1, max: maxSlotBytes };
const entryRange = { min: 1, max: maxMembershipEntryBytes };

/** Whether a frame is a request of this kind, by its type alone; anything else is left to `decodeRequest`. */
export function isLogRequest(frame: Uint8Array): boolean {
  const type = frame[1] ?? 0;
  return type >= types["witness-append"] && type <= types["log-append"];
}

/** Values out of their bounds are bugs of the caller. */
export function encodeLogRequest(request: LogRequest): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter().u8(wireFormat).u8(types[request.type]);
  switch (request.type) {
    case "witness-append":
      assertInRange(request.head.length, headRange, "a head's length");
      assertInRange(request.bodyBytes, bodyRange, "a body length");
      writer.fixed(request.account, accountBytes).sized(request.head).u32(request.bodyBytes);
      break;
    case "witness-head":
      writer.fixed(request.account, accountBytes);
      break;
    case "witness-entries":
      assertInRange(request.limitBytes, bodyRange, "a limit");
      writer.fixed(request.account, accountBytes).u64(request.from).u32(request.limitBytes);
      break;
    case "slot-put":
      assertInRange(request.slot.length, slotRange, "a slot's length");
      writer.fixed(request.account, accountBytes).sized(request.slot);
      break;
    case "slot-get":
      writer.fixed(request.account, accountBytes).fixed(request.locator, locatorBytes);
      break;
    case "log-read":
      writer.fixed(request.networkId, hashBytes).u32(request.from);
      break;
    case "log-append":
      assertInRange(request.entry.length, entryRange, "an entry's length");
      writer.fixed(request.networkId, hashBytes).sized(request.entry);
      break;
  }
  return writer.finish();
}

/** Strict: any deviation from docs/spec/wire.md is `malformed`. The result owns its bytes. */
export function decodeLogRequest(frame: Uint8Array): LogRequest {
  const reader = new ByteReader(frame);
  const request = readRequest(reader, readType(reader));
  reader.end();
  return request;
}

function readRequest(reader: ByteReader, type: number): LogRequest {
  const name = (): Uint8Array => reader.fixed(hashBytes).slice();
  const sized = (range: { readonly min: number; readonly max: number }, what: string): Uint8Array => {
    const bytes = reader.sized(range.max).slice();
    checkInRange(bytes.length, range, what);
    return bytes;
  };
  switch (type) {
    case types["witness-append"]: {
      const fields = { account: name(), head: sized(headRange, "a head's length") };
      return { type: "witness-append", ...fields, bodyBytes: checkInRange(reader.u32(), bodyRange, "a body length") };
    }
    case types["witness-head"]:
      return { type: "witness-head", account: name() };
    case types["witness-entries"]: {
      const fields = { account: name(), from: reader.u64() };
      return { type: "witness-entries", ...fields, limitBytes: checkInRange(reader.u32(), bodyRange, "a limit") };
    }
    case types["slot-put"]:
      return { type: "slot-put", account: name(), slot: sized(slotRange, "a slot's length") };
    case types["slot-get"]:
      return { type: "slot-get", account: name(), locator: reader.fixed(locatorBytes).slice() };
    case types["log-read"]:
      return { type: "log-read", networkId: name(), from: reader.u32() };
    case types["log-append"]:
      return { type: "log-append", networkId: name(), entry: sized(entryRange, "an entry's length") };
    default:
      throw malformed(`there is no request about logs of type ${type}`);
  }
}

/** Length of the body that follows the request's frame. */
export function logRequestBodyBytes(request: LogRequest): number {
  return request.type === "witness-append" ? request.bodyBytes : 0;
}
