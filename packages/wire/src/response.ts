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
  hashBytes,
  maxBodyBytes,
  maxCells,
  maxHeaderBytes,
  maxListing,
  maxRemovals,
  maxStatusKeys,
  segmentIdBytes,
  wireFormat,
} from "./format.ts";
import { type Refused, readRefused, writeRefused } from "./refusal.ts";

export type Response =
  | StoredResponse
  | CellsResponse
  | RemovedResponse
  | ListingResponse
  | StatusesResponse
  | Hello
  | Refused;

/** The fragment was checked against its root, and file and folder are fsynced. */
export interface StoredResponse {
  readonly type: "stored";
}

/** The cells asked for, which are the body, one after the other. */
export interface CellsResponse {
  readonly type: "cells";
  /** The encoded fragment header as it was stored; 1 to 10,240 bytes. */
  readonly headerBytes: Uint8Array;
  /** The hashes (32 bytes) of all cells of the fragment, by which the reader checks its root; 1 to 128. */
  readonly leaves: readonly Uint8Array[];
  /** 1 to 8 MiB. */
  readonly bodyBytes: number;
}

export interface RemovedResponse {
  readonly type: "removed";
  /** How many of the named segments the holder had; the others count as removed, too. */
  readonly count: number;
}

export interface ListingResponse {
  readonly type: "listing";
  /** At most 512, in order of segment id. */
  readonly entries: readonly ListingEntry[];
  /** Whether there are entries after the last of these. */
  readonly more: boolean;
}

export interface ListingEntry {
  readonly segmentId: Uint8Array;
  readonly index: number;
  /** The fragment's Merkle root, 32 bytes. */
  readonly root: Uint8Array;
  /** Bytes that count against the quota. */
  readonly sizeBytes: number;
}

export interface StatusesResponse {
  readonly type: "statuses";
  /** For each key of the request, in its order, whether the fragment is there. On the wire a bitmap. */
  readonly held: readonly boolean[];
}

const types = { stored: 129, cells: 130, removed: 131, listing: 132, statuses: 133, hello: 134, refused: 135 } as const;
const headerRange = { min: 1, max: maxHeaderBytes };
const leafRange = { min: 1, max: maxCells };
const bodyRange = { min: 1, max: maxBodyBytes };
const removedRange = { min: 0, max: maxRemovals };
const listingRange = { min: 0, max: maxListing };
const statusRange = { min: 1, max: maxStatusKeys };

/** Values out of their bounds are bugs of the caller. */
export function encodeResponse(response: Response): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter().u8(wireFormat).u8(types[response.type]);
  switch (response.type) {
    case "stored":
      break;
    case "cells":
      assertInRange(response.headerBytes.length, headerRange, "a header length");
      assertInRange(response.bodyBytes, bodyRange, "a body length");
      writer.sized(response.headerBytes);
      writeItems(writer, response.leaves, leafRange, (leaf) => writer.fixed(leaf, hashBytes));
      writer.u32(response.bodyBytes);
      break;
    case "removed":
      assertInRange(response.count, removedRange, "a number of segments");
      writer.u16(response.count);
      break;
    case "listing":
      writeItems(writer, response.entries, listingRange, ({ segmentId, index, root, sizeBytes }) =>
        writer.fixed(segmentId, segmentIdBytes).u8(index).fixed(root, hashBytes).u32(sizeBytes),
      );
      writer.bool(response.more);
      break;
    case "statuses":
      writeBits(writer, response.held);
      break;
    case "hello":
      writeHello(writer, response);
      break;
    case "refused":
      writeRefused(writer, response);
      break;
  }
  return writer.finish();
}

/** Strict: any deviation from docs/spec/wire.md is `malformed`. The result owns its bytes. */
export function decodeResponse(frame: Uint8Array): Response {
  const reader = new ByteReader(frame);
  const response = readResponse(reader, readType(reader));
  reader.end();
  return response;
}

function readResponse(reader: ByteReader, type: number): Response {
  switch (type) {
    case types.stored:
      return { type: "stored" };
    case types.cells: {
      const headerBytes = reader.sized(maxHeaderBytes).slice();
      checkInRange(headerBytes.length, headerRange, "a header length");
      const leaves = readItems(reader, leafRange, () => reader.fixed(hashBytes).slice());
      return { type: "cells", headerBytes, leaves, bodyBytes: checkInRange(reader.u32(), bodyRange, "a body length") };
    }
    case types.removed:
      return { type: "removed", count: checkInRange(reader.u16(), removedRange, "a number of segments") };
    case types.listing: {
      const entries = readItems(reader, listingRange, () => ({
        segmentId: reader.fixed(segmentIdBytes).slice(),
        index: reader.u8(),
        root: reader.fixed(hashBytes).slice(),
        sizeBytes: reader.u32(),
      }));
      return { type: "listing", entries, more: reader.bool() };
    }
    case types.statuses:
      return { type: "statuses", held: readBits(reader) };
    case types.hello:
      return readHello(reader);
    case types.refused:
      return readRefused(reader);
    default:
      throw malformed(`there is no response of type ${type}`);
  }
}

function writeBits(writer: ByteWriter, bits: readonly boolean[]): void {
  assertInRange(bits.length, statusRange, "a number of keys");
  const bitmap = new Uint8Array(Math.ceil(bits.length / 8));
  bits.forEach((bit, at) => {
    if (bit) bitmap[at >> 3] = (bitmap[at >> 3] ?? 0) | (128 >> (at & 7));
  });
  writer.u16(bits.length).raw(bitmap);
}

function readBits(reader: ByteReader): boolean[] {
  const count = checkInRange(reader.u16(), statusRange, "a number of keys");
  const bitmap = reader.fixed(Math.ceil(count / 8));
  const bitAt = (at: number): boolean => ((bitmap[at >> 3] ?? 0) & (128 >> (at & 7))) !== 0;
  for (let at = count; at < bitmap.length * 8; at++) {
    if (bitAt(at)) throw malformed("a bit behind the last one is set");
  }
  return Array.from({ length: count }, (_, at) => bitAt(at));
}
