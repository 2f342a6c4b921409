import { ByteReader, ByteWriter, concat, malformed } from "@piccolo/bytes";
import type { StoredEntry } from "../ports/index.ts";
import { decodeHead, isSealedOf, storedEntryOf } from "./head.ts";
import { hashBytes, headBytes, maxSealedBytes } from "./format.ts";

/** What stands inside an entry's seal (docs/spec/metadata-log.md section 3). */
const format = 1;

export interface DeltaPayload {
  /** Of the content after the changes, 32 bytes. */
  readonly digest: Uint8Array;
  readonly changes: Uint8Array;
}

/** One stored segment of a checkpoint, as a reader needs it. */
export interface CheckpointSegment {
  readonly segmentId: Uint8Array;
  readonly segmentRoot: Uint8Array;
  readonly k: number;
  readonly n: number;
  readonly sealedBytes: number;
  readonly plainBytes: number;
  readonly fragmentBytes: number;
  /** Of the extent that fills the segment, 16 bytes. */
  readonly salt: Uint8Array;
  /** Account (hex) that holds fragment i. */
  readonly holders: readonly string[];
}

/** Content cut into segments, all sealed under one key. */
export interface CheckpointRun {
  /** 32 bytes, fresh. */
  readonly key: Uint8Array;
  /** 16 bytes, fresh: takes the place of a version id in the seal. */
  readonly id: Uint8Array;
  readonly segments: readonly CheckpointSegment[];
}

/**
 * The way to the content as of a checkpoint entry: a snapshot taken a little earlier, and the entries made while it was
 * being stored.
 */
export interface CheckpointPayload {
  /** Of the content as of the checkpoint entry. */
  readonly digest: Uint8Array;
  readonly snapshot: CheckpointRun & { readonly digest: Uint8Array };
  /** The head of the entry as of which the snapshot is; undefined = of the empty log. */
  readonly base: Uint8Array | undefined;
  /** Entries after the base that were stored like the snapshot, one run after the other. */
  readonly tailRuns: readonly CheckpointRun[];
  /** The entries after those, as they are. */
  readonly tail: readonly StoredEntry[];
}

const segmentsMax = 4_096;
const runsMax = 16;
const tailMax = 4_096;

export function encodeDelta({ digest, changes }: DeltaPayload): Uint8Array {
  return new ByteWriter().u8(format).fixed(digest, hashBytes).raw(changes).finish();
}

export function decodeDelta(plain: Uint8Array): DeltaPayload {
  const reader = new ByteReader(plain);
  if (reader.u8() !== format) throw malformed("the delta has a format this version does not know");
  return { digest: reader.fixed(hashBytes).slice(), changes: reader.rest().slice() };
}

/** Entries one after the other: head, u32-sized sealed payload. */
export function encodeEntries(entries: readonly StoredEntry[]): Uint8Array {
  const writer = new ByteWriter();
  for (const { head, sealed } of entries) writer.fixed(head, headBytes).sized(sealed);
  return writer.finish();
}

export function decodeEntries(bytes: Uint8Array): StoredEntry[] {
  const reader = new ByteReader(bytes);
  const entries: StoredEntry[] = [];
  while (reader.remaining > 0) {
    const head = decodeHead(reader.fixed(headBytes));
    const sealed = reader.sized(maxSealedBytes).slice();
    if (!isSealedOf(head, sealed)) throw malformed("an entry's payload is not the one its head names");
    entries.push(storedEntryOf(head, sealed));
  }
  return entries;
}

/**
 * The entries of a run whose bytes come piece by piece, each as soon as it is whole: whoever wrote the run says how long it
 * is, so it is never in memory as one. Throws `malformed`.
 */
export async function* readEntries(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<StoredEntry> {
  let bytes: Uint8Array = new Uint8Array(0);
  for await (const piece of pieces) {
    bytes = concat(bytes, piece);
    for (let length = entryLength(bytes); length <= bytes.length; length = entryLength(bytes)) {
      yield* decodeEntries(bytes.subarray(0, length));
      bytes = bytes.subarray(length);
    }
  }
  if (bytes.length > 0) throw malformed("the entries end early");
}

/** Of the entry that begins here, or of as much of it as tells; never 0. */
function entryLength(bytes: Uint8Array): number {
  const framed = headBytes + 4;
  if (bytes.length < framed) return framed;
  const sealed = new ByteReader(bytes.subarray(headBytes, framed)).u32();
  if (sealed > maxSealedBytes) throw malformed("an entry's payload is over its bound");
  return framed + sealed;
}

function writeRun(writer: ByteWriter, run: CheckpointRun, accounts: ReadonlyMap<string, number>): void {
  writer.fixed(run.key, 32).fixed(run.id, 16).u16(run.segments.length);
  for (const segment of run.segments) {
    writer
      .fixed(segment.segmentId, 16)
      .fixed(segment.segmentRoot, hashBytes)
      .u8(segment.k)
      .u8(segment.n)
      .u32(segment.sealedBytes)
      .u32(segment.plainBytes)
      .u32(segment.fragmentBytes)
      .fixed(segment.salt, 16);
    for (const holder of segment.holders) writer.u8(accounts.get(holder) ?? 0);
  }
}

function readRun(reader: ByteReader, accounts: readonly string[]): CheckpointRun {
  const key = reader.fixed(32).slice();
  const id = reader.fixed(16).slice();
  const count = reader.u16();
  if (count > segmentsMax) throw malformed("the checkpoint has too many segments");
  const segments = Array.from({ length: count }, () => readSegment(reader, accounts));
  return { key, id, segments };
}

function readSegment(reader: ByteReader, accounts: readonly string[]): CheckpointSegment {
  const segmentId = reader.fixed(16).slice();
  const segmentRoot = reader.fixed(hashBytes).slice();
  const [k, n] = [reader.u8(), reader.u8()];
  const [sealedBytes, plainBytes, fragmentBytes] = [reader.u32(), reader.u32(), reader.u32()];
  const salt = reader.fixed(16).slice();
  const holders = Array.from({ length: n }, () => {
    const account = accounts[reader.u8()];
    if (account === undefined) throw malformed("the checkpoint names a holder it does not list");
    return account;
  });
  const fits = k >= 1 && k <= n && plainBytes >= 1 && sealedBytes >= plainBytes && sealedBytes <= k * fragmentBytes;
  if (!fits || fragmentBytes > maxSealedBytes) throw malformed("a segment of the checkpoint contradicts itself");
  return { segmentId, segmentRoot, k, n, sealedBytes, plainBytes, fragmentBytes, salt, holders };
}

export function encodeCheckpoint(payload: CheckpointPayload): Uint8Array {
  const runs = [payload.snapshot, ...payload.tailRuns];
  const names = [...new Set(runs.flatMap(({ segments }) => segments.flatMap(({ holders }) => holders)))];
  const writer = new ByteWriter().u8(format).fixed(payload.digest, hashBytes).fixed(payload.snapshot.digest, hashBytes);
  writer.bool(payload.base !== undefined);
  if (payload.base !== undefined) writer.fixed(payload.base, headBytes);
  writer.u8(names.length);
  for (const name of names) writer.fixed(Uint8Array.fromHex(name), hashBytes);
  const accounts = new Map(names.map((name, at) => [name, at]));
  writer.u8(runs.length);
  for (const run of runs) writeRun(writer, run, accounts);
  return writer.u16(payload.tail.length).raw(encodeEntries(payload.tail)).finish();
}

/** Strict; throws `malformed`. */
export function decodeCheckpoint(plain: Uint8Array): CheckpointPayload {
  const reader = new ByteReader(plain);
  if (reader.u8() !== format) throw malformed("the checkpoint has a format this version does not know");
  const digest = reader.fixed(hashBytes).slice();
  const snapshotDigest = reader.fixed(hashBytes).slice();
  const base = reader.bool() ? reader.fixed(headBytes).slice() : undefined;
  const accounts = Array.from({ length: reader.u8() }, () => reader.fixed(hashBytes).toHex());
  const runCount = reader.u8();
  if (runCount < 1 || runCount > runsMax) throw malformed(`a checkpoint of ${runCount} runs`);
  const [snapshot, ...tailRuns] = Array.from({ length: runCount }, () => readRun(reader, accounts));
  const tailCount = reader.u16();
  const tail = decodeEntries(reader.rest());
  if (snapshot === undefined || tail.length !== tailCount || tailCount > tailMax) {
    throw malformed("the checkpoint's entries are not as many as it says");
  }
  return { digest, snapshot: { ...snapshot, digest: snapshotDigest }, base, tailRuns, tail };
}
