import { ByteReader, ByteWriter, fromUtf8, malformed, toUtf8 } from "@piccolo/bytes";
import { assertInRange, checkInRange, readItems, readType, writeItems } from "./fields.ts";
import { accountBytes, hashBytes, wireFormat } from "./format.ts";
import { locatorBytes, maxMembershipEntryBytes, maxSlotBytes } from "./log-format.ts";
import {
  membershipEntryRange,
  type MembershipPage,
  membershipPageBytes,
  readMembershipPage,
  writeMembershipPage,
} from "./membership-page.ts";
import { type Refused, readRefused, writeRefused } from "./refusal.ts";

/**
 * What a device that is nobody's yet asks of a member, to become its owner's new one. Each request but the first proves
 * something over the challenge that the same member gave out last (docs/spec/wire.md section 5).
 */
export type RecoverRequest =
  | { readonly type: "challenge" }
  /** Give back the sealed slot under this locator. */
  | {
      readonly type: "find-slot";
      readonly locator: Uint8Array;
      readonly locatorKey: Uint8Array;
      readonly signature: Uint8Array;
    }
  /** Give back entries of the membership log from an index on. */
  | ({ readonly type: "read-membership"; readonly from: number } & AccountProof)
  /** Where are the members' devices? */
  | ({ readonly type: "member-addresses" } & AccountProof)
  /** Take this entry, which makes the asker the account's device, into the membership log. */
  | ({ readonly type: "append-device"; readonly entry: Uint8Array } & AccountProof);

export interface AccountProof {
  readonly account: Uint8Array;
  /** By the account's owner key, 64 bytes. */
  readonly signature: Uint8Array;
}

export interface MemberPlace {
  readonly account: Uint8Array;
  readonly deviceKey: Uint8Array;
  /** Multiaddrs, at most 12 of at most 256 bytes, printable ASCII. */
  readonly addresses: readonly string[];
}

export type RecoverResponse =
  | { readonly type: "challenge"; readonly challenge: Uint8Array }
  | { readonly type: "slot"; readonly slot: Uint8Array | undefined }
  | ({ readonly type: "membership" } & MembershipPage)
  | { readonly type: "addresses"; readonly members: readonly MemberPlace[] }
  | { readonly type: "appended"; readonly logLength: number }
  | Refused;

export const maxMemberPlaces = 16;
export const maxPlaceAddresses = 12;
export const maxAddressBytes = 256;

const signatureBytes = 64;
const challengeBytes = 32;
const requests = {
  challenge: 65,
  "find-slot": 66,
  "read-membership": 67,
  "member-addresses": 68,
  "append-device": 69,
} as const;
const responses = { challenge: 193, slot: 194, membership: 195, addresses: 196, appended: 197, refused: 135 } as const;
const slotRange = { min: 1, max: maxSlotBytes };
const placesRange = { min: 0, max: maxMemberPlaces };
const addressesRange = { min: 0, max: maxPlaceAddresses };

/** Values out of their bounds are bugs of the caller. */
export function encodeRecoverRequest(request: RecoverRequest): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter().u8(wireFormat).u8(requests[request.type]);
  if (request.type === "challenge") return writer.finish();
  if (request.type === "find-slot") {
    writer.fixed(request.locator, locatorBytes).fixed(request.locatorKey, hashBytes);
    return writer.fixed(request.signature, signatureBytes).finish();
  }
  writer.fixed(request.account, accountBytes).fixed(request.signature, signatureBytes);
  if (request.type === "read-membership") writer.u32(request.from);
  if (request.type === "append-device") {
    assertInRange(request.entry.length, membershipEntryRange, "an entry's length");
    writer.sized(request.entry);
  }
  return writer.finish();
}

/** Strict: any deviation from docs/spec/wire.md is `malformed`. The result owns its bytes. */
export function decodeRecoverRequest(frame: Uint8Array): RecoverRequest {
  const reader = new ByteReader(frame);
  const request = readRequest(reader, readType(reader));
  reader.end();
  return request;
}

function readRequest(reader: ByteReader, type: number): RecoverRequest {
  const bytes = (length: number): Uint8Array => reader.fixed(length).slice();
  const proof = (): AccountProof => ({ account: bytes(accountBytes), signature: bytes(signatureBytes) });
  switch (type) {
    case requests.challenge:
      return { type: "challenge" };
    case requests["find-slot"]: {
      const locator = bytes(locatorBytes);
      return { type: "find-slot", locator, locatorKey: bytes(hashBytes), signature: bytes(signatureBytes) };
    }
    case requests["read-membership"]:
      return { type: "read-membership", ...proof(), from: reader.u32() };
    case requests["member-addresses"]:
      return { type: "member-addresses", ...proof() };
    case requests["append-device"]: {
      const fields = proof();
      const entry = reader.sized(maxMembershipEntryBytes).slice();
      checkInRange(entry.length, membershipEntryRange, "an entry's length");
      return { type: "append-device", ...fields, entry };
    }
    default:
      throw malformed(`there is no request of type ${type} for recovery`);
  }
}

/** Values out of their bounds are bugs of the caller. */
export function encodeRecoverResponse(response: RecoverResponse): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter().u8(wireFormat).u8(responses[response.type]);
  switch (response.type) {
    case "challenge":
      writer.fixed(response.challenge, challengeBytes);
      break;
    case "slot":
      writer.bool(response.slot !== undefined);
      if (response.slot !== undefined) {
        assertInRange(response.slot.length, slotRange, "a slot's length");
        writer.sized(response.slot);
      }
      break;
    case "membership":
      writeMembershipPage(writer, response);
      break;
    case "addresses":
      writeItems(writer, response.members, placesRange, ({ account, deviceKey, addresses }) => {
        writer.fixed(account, accountBytes).fixed(deviceKey, hashBytes);
        return writeItems(writer, addresses, addressesRange, (address) => writer.sized(toUtf8(address)));
      });
      break;
    case "appended":
      writer.u32(response.logLength);
      break;
    case "refused":
      writeRefused(writer, response);
      break;
  }
  return writer.finish();
}

/** Strict: any deviation from docs/spec/wire.md is `malformed`. The result owns its bytes. */
export function decodeRecoverResponse(frame: Uint8Array): RecoverResponse {
  const reader = new ByteReader(frame);
  const response = readResponse(reader, readType(reader));
  reader.end();
  return response;
}

function readAddress(reader: ByteReader): string {
  const text = fromUtf8(reader.sized(maxAddressBytes));
  if (!/^[\x21-\x7e]+$/.test(text)) throw malformed("an address is not printable ASCII");
  return text;
}

function readResponse(reader: ByteReader, type: number): RecoverResponse {
  switch (type) {
    case responses.challenge:
      return { type: "challenge", challenge: reader.fixed(challengeBytes).slice() };
    case responses.slot: {
      const slot = reader.bool() ? reader.sized(maxSlotBytes).slice() : undefined;
      if (slot !== undefined) checkInRange(slot.length, slotRange, "a slot's length");
      return { type: "slot", slot };
    }
    case responses.membership:
      return { type: "membership", ...readMembershipPage(reader) };
    case responses.addresses: {
      const members = readItems(reader, placesRange, () => ({
        account: reader.fixed(accountBytes).slice(),
        deviceKey: reader.fixed(hashBytes).slice(),
        addresses: readItems(reader, addressesRange, () => readAddress(reader)),
      }));
      return { type: "addresses", members };
    }
    case responses.appended:
      return { type: "appended", logLength: reader.u32() };
    case responses.refused:
      return readRefused(reader);
    default:
      throw malformed(`there is no response of type ${type} for recovery`);
  }
}

/** Length of the body that follows the response's frame. */
export function recoverResponseBodyBytes(response: RecoverResponse): number {
  return response.type === "membership" ? membershipPageBytes(response) : 0;
}
