/**
 * What central keeps for an account that has lost its device: entries of its metadata log, sealed segments of its
 * checkpoints, sealed recovery slots. Central opens none of it.
 */
import { z } from "@hono/zod-openapi";
import { ByteReader, ByteWriter, malformed } from "@piccolo/bytes";
import { sealedSlotBytesMax } from "@piccolo/envelope";
import { Id, Signature, TimeMs } from "./fields.ts";

export const vaultHeadBytesMax = 512;
/** Of an entry's sealed payload, and of a blob: a checkpoint's segment as holders together have it. */
export const vaultBodyBytesMax = 8 * 1024 * 1024 + 65_536;
/** Entries that one call brings, or one page has, come to so many bytes unless it is a single one. */
export const vaultPageBytesMax = 4 * 1024 * 1024;
export const vaultPageEntriesMax = 256;
const slotCharactersMax = Math.ceil((sealedSlotBytesMax * 4) / 3);

export const BlobId = z
  .string()
  .regex(/^[0-9a-f]{32}$/)
  .openapi("BlobId", { description: "16 bytes of a segment id in lower-case hexadecimal" });

const sequence = z.int().min(0);

/** What central has of an account's metadata log in a network. */
export const VaultState = z
  .object({
    /** Of the newest entry; 0 = none. */
    sequence,
    /** Of the oldest entry kept; 1 where there is none. */
    first: z.int().min(1),
    /** Of the newest entry, in base64url; null = none. */
    head: z
      .string()
      .min(1)
      .max(Math.ceil((vaultHeadBytesMax * 4) / 3))
      .regex(/^[A-Za-z0-9_-]+$/)
      .nullable(),
    /** Of everything central keeps for the account. */
    usedBytes: z.int().min(0),
    quotaBytes: z.int().min(0),
  })
  .openapi("VaultState");
export type VaultState = z.infer<typeof VaultState>;

export const BlobList = z
  .object({ blobs: z.array(z.object({ id: BlobId, sizeBytes: z.int().min(1) })).max(65_536) })
  .openapi("BlobList");

export const SlotSubmission = z
  .object({
    slot: z
      .string()
      .min(1)
      .max(slotCharactersMax)
      .regex(/^[A-Za-z0-9_-]+$/)
      .openapi({ description: "A sealed slot (docs/spec/slots.md) in base64url without padding" }),
  })
  .openapi("SlotSubmission");

export const KeptSlot = z.object({ locator: Id, number: z.int().min(1) }).openapi("KeptSlot");

export const RecoveryChallenge = z
  .object({ challenge: Id, expiresAtMs: TimeMs })
  .openapi("RecoveryChallenge", { description: "Taken once" });

export const SlotSearch = z
  .object({
    locator: Id,
    locatorKey: Id,
    challenge: Id,
    signature: Signature.openapi({
      description:
        "By the locator key over the statement of docs/spec/slots.md S38; the verifier is SHA-256 of central's host as " +
        "signed calls have it",
    }),
  })
  .openapi("SlotSearch");

/** An entry as central keeps it. */
export interface VaultEntry {
  /** Signed head, encoded (docs/spec/metadata-log.md). */
  readonly head: Uint8Array;
  readonly sealed: Uint8Array;
}

/** Some entries one after the other. */
export interface VaultPage {
  /** Sequence of the oldest entry kept. */
  readonly first: number;
  /** Of the newest one; 0 = none. */
  readonly newest: number;
  readonly entries: readonly VaultEntry[];
}

function writeEntries(writer: ByteWriter, entries: readonly VaultEntry[]): void {
  writer.u16(entries.length);
  for (const { head, sealed } of entries) writer.sized(head).sized(sealed);
}

function readEntries(reader: ByteReader): readonly VaultEntry[] {
  const count = reader.u16();
  if (count > vaultPageEntriesMax) throw malformed(`${count} entries at once, over ${vaultPageEntriesMax}`);
  return Array.from({ length: count }, () => ({
    head: reader.sized(vaultHeadBytesMax),
    sealed: reader.sized(vaultBodyBytesMax),
  }));
}

/** `u8 1 ‖ u16 count ‖ count x (sized(head) ‖ sized(sealed))`: the body that brings entries. */
export function encodeVaultEntries(entries: readonly VaultEntry[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter().u8(1);
  writeEntries(writer, entries);
  return writer.finish();
}

/** Throws `malformed`. The parts are views of `bytes`. */
export function decodeVaultEntries(bytes: Uint8Array): readonly VaultEntry[] {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== 1) throw malformed("the entries have a format this version does not know");
  const entries = readEntries(reader);
  reader.end();
  if (entries.length === 0) throw malformed("no entry");
  return entries;
}

/** `u8 1 ‖ u64 first ‖ u64 newest ‖ u16 count ‖ count x (sized(head) ‖ sized(sealed))`: a page of entries. */
export function encodeVaultPage({ first, newest, entries }: VaultPage): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter().u8(1).u64(first).u64(newest);
  writeEntries(writer, entries);
  return writer.finish();
}

/** Throws `malformed`. The parts are views of `bytes`. */
export function decodeVaultPage(bytes: Uint8Array): VaultPage {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== 1) throw malformed("the page has a format this version does not know");
  const page = { first: reader.u64(), newest: reader.u64(), entries: readEntries(reader) };
  reader.end();
  return page;
}
