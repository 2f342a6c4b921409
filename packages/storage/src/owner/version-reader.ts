import assert from "node:assert/strict";
import { concat } from "@piccolo/bytes";
import {
  chunkPlainBytes,
  chunkSealedBytes,
  createExtentOpener,
  type ExtentOpener,
  sealedLength,
} from "@piccolo/envelope";
import { cellBytes, cellLength, maxSegmentBytes, stripesOf } from "../fragment/index.ts";
import type { ExtentRecord, SegmentRecord } from "../ports/index.ts";
import { gatherColumns } from "./column-gatherer.ts";
import type { EngineContext } from "./engine-context.ts";
import { engineFaults } from "./faults.ts";
import { decodeStripes } from "./segment-codec.ts";

/** Sealed bytes fetched at once: up to a whole segment, which takes one request to each of k holders. */
const blockBytes = maxSegmentBytes;
const mostAhead = 3;
/** Ranges up to this size ask one holder more than needed, since their latency counts. */
const eagerBytes = 1024 * 1024;

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Some chunks of one extent, and which part of their plaintext is asked for. */
interface Block {
  readonly extent: ExtentRecord;
  readonly segment: SegmentRecord;
  readonly opener: ExtentOpener;
  readonly firstChunk: number;
  readonly endChunk: number;
  /** Within the extent's plaintext. */
  readonly wanted: Range;
}

/** Cuts a range of the version into blocks, in order; asks for segments and openers only as their turn comes. */
export function* planBlocks(
  extents: readonly ExtentRecord[],
  range: Range,
  segmentOf: (extent: ExtentRecord) => SegmentRecord,
  openerOf: (extent: ExtentRecord) => ExtentOpener,
): Generator<Block> {
  let base = 0;
  for (const extent of extents) {
    const start = Math.max(0, range.start - base);
    const end = Math.min(extent.plainBytes, range.end - base);
    base += extent.plainBytes;
    if (start >= end) continue;
    const segment = segmentOf(extent);
    const opener = openerOf(extent);
    const chunksPerBlock = Math.ceil(blockBytes / (segment.k * cellBytes)) * segment.k;
    const endChunk = Math.ceil(end / chunkPlainBytes);
    for (let first = Math.floor(start / chunkPlainBytes); first < endChunk;) {
      // Blocks end where stripes do, so that no stripe is fetched twice.
      const next = Math.min(endChunk, (Math.floor(first / chunksPerBlock) + 1) * chunksPerBlock);
      yield { extent, segment, opener, firstChunk: first, endChunk: next, wanted: { start, end } };
      first = next;
    }
  }
}

function segmentOf({ metadata }: EngineContext, { segmentId }: ExtentRecord): SegmentRecord {
  const segment = metadata.segment(segmentId);
  if (segment === undefined) throw engineFaults.fault("version-unknown", "the version was deleted while it was read");
  return segment;
}

/** A block's sealed bytes, as pieces of whatever length, in order. */
interface SealedPieces {
  readonly pieces: readonly Uint8Array[];
  /** Frees their memory. */
  readonly release: () => void;
}

/**
 * Room for rebuilt cells, used again block after block of one reading: fresh memory for each would cost more than the
 * rebuilding. There are never more pieces of it than blocks under way.
 */
class RebuiltMemory {
  readonly #free: Uint8Array[] = [];

  take(sizeBytes: number): Uint8Array {
    if (sizeBytes === 0) return new Uint8Array(0);
    const kept = this.#free.pop();
    return kept !== undefined && kept.length >= sizeBytes ? kept : new Uint8Array(sizeBytes);
  }

  giveBack(memory: Uint8Array): void {
    if (memory.length > 0) this.#free.push(memory);
  }
}

async function fetchSealed(
  context: EngineContext,
  block: Block,
  { eager, rebuilt }: { readonly eager: boolean; readonly rebuilt: RebuiltMemory },
  signal: AbortSignal,
): Promise<SealedPieces> {
  signal.throwIfAborted();
  const { extent } = block;
  // The record is read again, since the background may have placed a pending segment meanwhile.
  const segment = segmentOf(context, extent);
  const start = extent.offsetBytes + block.firstChunk * chunkSealedBytes;
  const end = extent.offsetBytes + Math.min(sealedLength(extent.plainBytes), block.endChunk * chunkSealedBytes);
  if (segment.state === "pending") {
    try {
      const sealed = await context.spool.read(segment.segmentId, start, end);
      return { pieces: [sealed], release: () => undefined };
    } catch (error) {
      // The background may have moved it to its holders between the two looks, and removed it here.
      if (context.metadata.segment(segment.segmentId)?.state === "pending") throw error;
      return fetchSealed(context, block, { eager, rebuilt }, signal);
    }
  }
  const { k, fragmentBytes } = segment;
  const { first, end: endStripe } = stripesOf({ start, end }, k, fragmentBytes);
  const stripes = { first, count: endStripe - first };
  const columns = await gatherColumns(context, segment, stripes, { eager }, signal);
  const code = { k, n: segment.n };
  let memory: Uint8Array = new Uint8Array(0);
  const decoded = decodeStripes(
    context.codec,
    { segmentId: segment.segmentId, code, fragmentBytes },
    stripes,
    columns,
    (sizeBytes) => (memory = rebuilt.take(sizeBytes)),
  );
  const pieces: Uint8Array[] = [];
  let at = first * k * cellBytes;
  for (const [row, cells] of decoded.entries()) {
    const length = cellLength(fragmentBytes, first + row);
    for (const cell of cells) {
      assert.equal(cell.length, length);
      const from = Math.max(0, start - at);
      const to = Math.min(length, end - at);
      if (from < to) pieces.push(from === 0 && to === length ? cell : cell.subarray(from, to));
      at += length;
    }
  }
  const release = (): void => {
    for (const column of columns) column.release?.();
    rebuilt.giveBack(memory);
  };
  return { pieces, release };
}

/** Takes exact lengths from pieces of any length; copies only where a taken run spans two of them. */
class PieceReader {
  readonly #pieces: readonly Uint8Array[];
  #piece = 0;
  #at = 0;

  constructor(pieces: readonly Uint8Array[]) {
    this.#pieces = pieces;
  }

  take(length: number): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let left = length; left > 0;) {
      const piece = this.#pieces[this.#piece];
      assert.ok(piece !== undefined, "a block holds all of its chunks");
      const part = piece.subarray(this.#at, this.#at + left);
      parts.push(part);
      left -= part.length;
      this.#at += part.length;
      if (this.#at === piece.length) {
        this.#piece++;
        this.#at = 0;
      }
    }
    const [only] = parts;
    return only !== undefined && parts.length === 1 ? only : concat(...parts);
  }
}

function* openBlock(block: Block, pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  const { extent, opener, wanted } = block;
  const sealedBytes = sealedLength(extent.plainBytes);
  const reader = new PieceReader(pieces);
  for (let chunk = block.firstChunk; chunk < block.endChunk; chunk++) {
    const sealed = reader.take(Math.min(chunkSealedBytes, sealedBytes - chunk * chunkSealedBytes));
    const plain = opener.openChunk(chunk, sealed);
    const start = Math.max(0, wanted.start - chunk * chunkPlainBytes);
    const end = Math.min(plain.length, wanted.end - chunk * chunkPlainBytes);
    yield start === 0 && end === plain.length ? plain : plain.subarray(start, end);
  }
}

/**
 * The plaintext of a range, in order. Blocks ahead of the reader are fetched while memory for read-ahead is free; the
 * one it waits for always is, so reads that stall never block others.
 */
export async function* readVersion(
  context: EngineContext,
  version: {
    readonly versionId: Uint8Array;
    /** Taken over: erased when the reading ends. */
    readonly fek: Uint8Array;
    readonly extents: readonly ExtentRecord[];
  },
  range: Range,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { versionId, fek } = version;
  const eager = range.end - range.start <= eagerBytes;
  const rebuilt = new RebuiltMemory();
  const abort = new AbortController();
  const onAbort = (): void => abort.abort(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  const blocks = planBlocks(
    version.extents,
    range,
    (extent) => segmentOf(context, extent),
    ({ ordinal, salt, plainBytes }) => createExtentOpener({ fek, versionId, ordinal, salt, plainBytes }),
  );
  const ahead: { block: Block; sealed: Promise<SealedPieces>; release: () => void }[] = [];
  const fetchNext = (needed: boolean): boolean => {
    const release = context.readAhead.tryReserve(blockBytes) ?? (needed ? () => undefined : undefined);
    if (release === undefined) return false;
    const next = blocks.next();
    if (next.done === true) {
      release();
      return false;
    }
    const sealed = fetchSealed(context, next.value, { eager, rebuilt }, abort.signal);
    // A block that fails before its turn is reported when its turn comes.
    sealed.catch(() => undefined);
    ahead.push({ block: next.value, sealed, release });
    return true;
  };
  try {
    for (;;) {
      if (ahead.length === 0 && !fetchNext(true)) return;
      while (ahead.length < mostAhead && fetchNext(false));
      const current = ahead.shift();
      assert.ok(current !== undefined);
      try {
        const sealed = await current.sealed;
        // Also where the block came before the abort: nobody wants it any more.
        abort.signal.throwIfAborted();
        yield* openBlock(current.block, sealed.pieces);
        sealed.release();
      } finally {
        current.release();
      }
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    abort.abort(new Error("the reading ended"));
    for (const { release } of ahead) release();
    fek.fill(0);
  }
}
