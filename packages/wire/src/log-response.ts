import { ByteReader, ByteWriter, malformed } from "@piccolo/bytes";
import { assertInRange, checkInRange, readItems, readType, writeItems } from "./fields.ts";
import { maxBodyBytes, wireFormat } from "./format.ts";
import { maxHeadBytes, maxSlotBytes, maxWitnessEntries } from "./log-format.ts";
import {
  type MembershipPage,
  membershipPageBytes,
  readMembershipPage,
  writeMembershipPage,
} from "./membership-page.ts";
import { type Refused, readRefused, writeRefused } from "./refusal.ts";

export type LogResponse =
  | WitnessedResponse
  | WitnessStateResponse
  | WitnessEntriesResponse
  | SlotKeptResponse
  | SlotResponse
  | LogEntriesResponse
  | LogAppendedResponse
  | Refused;

/** The entry is fsynced, or was there already. */
export interface WitnessedResponse {
  readonly type: "witnessed";
  /** The newest entry the witness has now. */
  readonly sequence: number;
}

export interface WitnessStateResponse {
  readonly type: "witness-state";
  /** The signed head (1 to 512 bytes) of the newest entry, and the sequence of the oldest one kept. */
  readonly newest: { readonly head: Uint8Array; readonly first: number } | undefined;
}

/** Sealed payloads are the body, one after the other. */
export interface WitnessEntriesResponse {
  readonly type: "witness-entries";
  /** At most 64, in order. */
  readonly entries: readonly { readonly head: Uint8Array; readonly sealedBytes: number }[];
}

export interface SlotKeptResponse {
  readonly type: "slot-kept";
  /** Of the slot that is kept now. */
  readonly number: number;
}

export interface SlotResponse {
  readonly type: "slot";
  readonly slot: Uint8Array | undefined;
}

export interface LogEntriesResponse extends MembershipPage {
  readonly type: "log-entries";
}

export interface LogAppendedResponse {
  readonly type: "log-appended";
  /** How many entries the log has now. */
  readonly logLength: number;
}

const types = {
  witnessed: 136,
  "witness-state": 137,
  "witness-entries": 138,
  "slot-kept": 139,
  slot: 140,
  "log-entries": 141,
  "log-appended": 142,
  refused: 135,
} as const;
const headRange = { min: 1, max: maxHeadBytes };
const slotRange = { min: 1, max: maxSlotBytes };
const sealedRange = { min: 1, max: maxBodyBytes };
const entriesRange = { min: 0, max: maxWitnessEntries };

/** Values out of their bounds are bugs of the caller. */
export function encodeLogResponse(response: LogResponse): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter().u8(wireFormat).u8(types[response.type]);
  switch (response.type) {
    case "witnessed":
      writer.u64(response.sequence);
      break;
    case "witness-state":
      writer.bool(response.newest !== undefined);
      if (response.newest !== undefined) {
        assertInRange(response.newest.head.length, headRange, "a head's length");
        writer.sized(response.newest.head).u64(response.newest.first);
      }
      break;
    case "witness-entries":
      assertInRange(logResponseBodyBytes(response), { min: 0, max: maxBodyBytes }, "a body length");
      writeItems(writer, response.entries, entriesRange, ({ head, sealedBytes }) => {
        assertInRange(head.length, headRange, "a head's length");
        assertInRange(sealedBytes, sealedRange, "a payload's length");
        return writer.sized(head).u32(sealedBytes);
      });
      break;
    case "slot-kept":
      writer.u64(response.number);
      break;
    case "slot":
      writer.bool(response.slot !== undefined);
      if (response.slot !== undefined) {
        assertInRange(response.slot.length, slotRange, "a slot's length");
        writer.sized(response.slot);
      }
      break;
    case "log-entries":
      writeMembershipPage(writer, response);
      break;
    case "log-appended":
      writer.u32(response.logLength);
      break;
    case "refused":
      writeRefused(writer, response);
      break;
  }
  return writer.finish();
}

/** Strict: any deviation from docs/spec/wire.md is `malformed`. The result owns its bytes. */
export function decodeLogResponse(frame: Uint8Array): LogResponse {
  const reader = new ByteReader(frame);
  const response = readResponse(reader, readType(reader));
  reader.end();
  return response;
}

function readHead(reader: ByteReader): Uint8Array {
  const head = reader.sized(maxHeadBytes).slice();
  checkInRange(head.length, headRange, "a head's length");
  return head;
}

function readResponse(reader: ByteReader, type: number): LogResponse {
  switch (type) {
    case types.witnessed:
      return { type: "witnessed", sequence: reader.u64() };
    case types["witness-state"]:
      return {
        type: "witness-state",
        newest: reader.bool() ? { head: readHead(reader), first: reader.u64() } : undefined,
      };
    case types["witness-entries"]: {
      const entries = readItems(reader, entriesRange, () => ({
        head: readHead(reader),
        sealedBytes: checkInRange(reader.u32(), sealedRange, "a payload's length"),
      }));
      const response = { type: "witness-entries" as const, entries };
      checkInRange(logResponseBodyBytes(response), { min: 0, max: maxBodyBytes }, "a body length");
      return response;
    }
    case types["slot-kept"]:
      return { type: "slot-kept", number: reader.u64() };
    case types.slot: {
      const slot = reader.bool() ? reader.sized(maxSlotBytes).slice() : undefined;
      if (slot !== undefined) checkInRange(slot.length, slotRange, "a slot's length");
      return { type: "slot", slot };
    }
    case types["log-entries"]:
      return { type: "log-entries", ...readMembershipPage(reader) };
    case types["log-appended"]:
      return { type: "log-appended", logLength: reader.u32() };
    case types.refused:
      return readRefused(reader);
    default:
      throw malformed(`there is no response about logs of type ${type}`);
  }
}

/** Length of the body that follows the response's frame. */
export function logResponseBodyBytes(response: LogResponse): number {
  if (response.type === "witness-entries") return response.entries.reduce((sum, entry) => sum + entry.sealedBytes, 0);
  return response.type === "log-entries" ? membershipPageBytes(response) : 0;
}
