import { ByteReader, ByteWriter, malformed } from "@piccolo/bytes";
import {
  assertInRange,
  checkInRange,
  type Hello,
  readHello,
  readItems,
  readType,
  writeHello,
  writeItems,
} from "./fields.ts";
import {
  accountBytes,
  maxBodyBytes,
  maxCells,
  maxHeaderBytes,
  maxListing,
  maxRemovals,
  maxStatusKeys,
  segmentIdBytes,
  wireFormat,
} from "./format.ts";

/**
 * Every request about fragments names the account they belong to. Who asks follows from the device key the channel
 * proves; the holder compares the two, so that a request for another's fragments is answered with `not-yours`.
 */
export type Request = StoreRequest | FetchRequest | RemoveRequest | ListRequest | StatusRequest | Hello;

/** Keep this fragment. Its bytes are the body. */
export interface StoreRequest {
  readonly type: "store";
  /** 32 bytes. */
  readonly account: Uint8Array;
  /** The encoded fragment header (docs/spec/fragment.md), which this package does not look into; 1 to 10,240 bytes. */
  readonly headerBytes: Uint8Array;
  /** 1 to 8 MiB. */
  readonly bodyBytes: number;
}

/** Give back cells [firstCell, firstCell + cellCount) of a fragment. */
export interface FetchRequest {
  readonly type: "fetch";
  readonly account: Uint8Array;
  /** 16 bytes. */
  readonly segmentId: Uint8Array;
  readonly index: number;
  readonly firstCell: number;
  readonly cellCount: number;
}

/** Remove the fragments of these segments; 1 to 256. */
export interface RemoveRequest {
  readonly type: "remove";
  readonly account: Uint8Array;
  readonly segmentIds: readonly Uint8Array[];
}

/** Name the account's fragments, in order of segment id, after the given one; at most `limit` (1 to 512). */
export interface ListRequest {
  readonly type: "list";
  readonly account: Uint8Array;
  readonly after: Uint8Array | undefined;
  readonly limit: number;
}

/** Which of these fragments are there? 1 to 1,024 keys. */
export interface StatusRequest {
  readonly type: "status";
  readonly account: Uint8Array;
  readonly keys: readonly StatusKey[];
}

export interface StatusKey {
  readonly segmentId: Uint8Array;
  readonly index: number;
}

const types = { store: 1, fetch: 2, remove: 3, list: 4, status: 5, hello: 6 } as const;
const bodyRange = { min: 1, max: maxBodyBytes };
const headerRange = { min: 1, max: maxHeaderBytes };
const removalRange = { min: 1, max: maxRemovals };
const limitRange = { min: 1, max: maxListing };
const statusRange = { min: 1, max: maxStatusKeys };
const cellCountRange = { min: 1, max: maxCells };

const cellEnd = (first: number, count: number): number => first + count;

/** Values out of their bounds are bugs of the caller. */
export function encodeRequest(request: Request): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter().u8(wireFormat).u8(types[request.type]);
  switch (request.type) {
    case "store":
      assertInRange(request.headerBytes.length, headerRange, "a header length");
      assertInRange(request.bodyBytes, bodyRange, "a body length");
      writer.fixed(request.account, accountBytes).sized(request.headerBytes).u32(request.bodyBytes);
      break;
    case "fetch":
      assertInRange(request.cellCount, cellCountRange, "a number of cells");
      assertInRange(cellEnd(request.firstCell, request.cellCount), cellCountRange, "the end of the cells");
      writer
        .fixed(request.account, accountBytes)
        .fixed(request.segmentId, segmentIdBytes)
        .u8(request.index)
        .u16(request.firstCell)
        .u16(request.cellCount);
      break;
    case "remove":
      writer.fixed(request.account, accountBytes);
      writeItems(writer, request.segmentIds, removalRange, (id) => writer.fixed(id, segmentIdBytes));
      break;
    case "list":
      assertInRange(request.limit, limitRange, "a limit");
      writer.fixed(request.account, accountBytes).bool(request.after !== undefined);
      if (request.after !== undefined) writer.fixed(request.after, segmentIdBytes);
      writer.u16(request.limit);
      break;
    case "status":
      writer.fixed(request.account, accountBytes);
      writeItems(writer, request.keys, statusRange, ({ segmentId, index }) =>
        writer.fixed(segmentId, segmentIdBytes).u8(index),
      );
      break;
    case "hello":
      writeHello(writer, request);
      break;
  }
  return writer.finish();
}

/** Strict: any deviation from docs/spec/wire.md is `malformed`. The result owns its bytes. */
export function decodeRequest(frame: Uint8Array): Request {
  const reader = new ByteReader(frame);
  const request = readRequest(reader, readType(reader));
  reader.end();
  return request;
}

function readRequest(reader: ByteReader, type: number): Request {
  if (type === types.hello) return readHello(reader);
  if (type < types.store || type > types.hello) throw malformed(`there is no request of type ${type}`);
  const account = reader.fixed(accountBytes).slice();
  const segmentId = (): Uint8Array => reader.fixed(segmentIdBytes).slice();
  switch (type) {
    case types.store: {
      const headerBytes = reader.sized(maxHeaderBytes).slice();
      checkInRange(headerBytes.length, headerRange, "a header length");
      const bodyBytes = checkInRange(reader.u32(), bodyRange, "a body length");
      return { type: "store", account, headerBytes, bodyBytes };
    }
    case types.fetch: {
      const key = { segmentId: segmentId(), index: reader.u8() };
      const firstCell = reader.u16();
      const cellCount = checkInRange(reader.u16(), cellCountRange, "a number of cells");
      checkInRange(cellEnd(firstCell, cellCount), cellCountRange, "the end of the cells");
      return { type: "fetch", account, ...key, firstCell, cellCount };
    }
    case types.remove:
      return { type: "remove", account, segmentIds: readItems(reader, removalRange, segmentId) };
    case types.list: {
      const after = reader.bool() ? segmentId() : undefined;
      return { type: "list", account, after, limit: checkInRange(reader.u16(), limitRange, "a limit") };
    }
    default: {
      const key = (): StatusKey => ({ segmentId: segmentId(), index: reader.u8() });
      return { type: "status", account, keys: readItems(reader, statusRange, key) };
    }
  }
}

/** Length of the body that follows the request's frame. */
export function requestBodyBytes(request: Request): number {
  return request.type === "store" ? request.bodyBytes : 0;
}
