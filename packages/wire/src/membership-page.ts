import { type ByteReader, type ByteWriter } from "@piccolo/bytes";
import { assertInRange, checkInRange, readItems, writeItems } from "./fields.ts";
import { maxMembershipBodyBytes, maxMembershipEntries, maxMembershipEntryBytes } from "./log-format.ts";

/** A page of the membership log, as members and recovering devices get it; its entries are the body, one after the other. */
export interface MembershipPage {
  /** How many entries the whole log has. */
  readonly logLength: number;
  /** Lengths of at most 256 entries, together at most 1 MiB. */
  readonly lengths: readonly number[];
}

export const membershipEntryRange = { min: 1, max: maxMembershipEntryBytes };
const lengthsRange = { min: 0, max: maxMembershipEntries };
const bodyRange = { min: 0, max: maxMembershipBodyBytes };
const entryLength = "an entry's length";
const bodyLength = "a body length";

export function membershipPageBytes({ lengths }: MembershipPage): number {
  return lengths.reduce((sum, length) => sum + length, 0);
}

export function writeMembershipPage(writer: ByteWriter, page: MembershipPage): void {
  assertInRange(membershipPageBytes(page), bodyRange, bodyLength);
  writer.u32(page.logLength);
  writeItems(writer, page.lengths, lengthsRange, (length) => {
    assertInRange(length, membershipEntryRange, entryLength);
    return writer.u32(length);
  });
}

export function readMembershipPage(reader: ByteReader): MembershipPage {
  const logLength = reader.u32();
  const lengths = readItems(reader, lengthsRange, () => checkInRange(reader.u32(), membershipEntryRange, entryLength));
  const page = { logLength, lengths };
  checkInRange(membershipPageBytes(page), bodyRange, bodyLength);
  return page;
}
