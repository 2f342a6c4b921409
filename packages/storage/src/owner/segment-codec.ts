import assert from "node:assert/strict";
import { type Coder, createCoder } from "@piccolo/erasure";
import {
  cellBytes,
  cellLength,
  type FragmentHash,
  type FragmentHeader,
  fragmentRoot,
  maskCell,
  paddedFragmentBytes,
  segmentCells,
  segmentPadding,
  segmentRoot,
  stripeCount,
} from "../fragment/index.ts";
import type { Code } from "../policy/index.ts";

/** What coding needs besides the bytes; one per engine. */
export interface CodecContext {
  /** 32 bytes. */
  readonly account: Uint8Array;
  /** 32 bytes: masks copies and pads segments; available while the device is locked. */
  readonly maskKey: Uint8Array;
  readonly hash: FragmentHash;
}

/** A segment with all of its fragments in memory, as views of the caller's buffer where k > 1. */
export interface CodedSegment {
  readonly segmentId: Uint8Array;
  readonly code: Code;
  readonly fragmentBytes: number;
  readonly segmentRoot: Uint8Array;
  header(index: number): FragmentHeader;
  body(index: number): readonly Uint8Array[];
}

const coders = new Map<string, Coder>();

/** Coders are pure and hold matrices worth keeping; there are as many as codes in use. */
export function coderFor({ k, n }: Code): Coder {
  const name = `${k}-of-${n}`;
  let coder = coders.get(name);
  if (coder === undefined) {
    coder = createCoder({ k, n });
    coders.set(name, coder);
  }
  return coder;
}

/** How many bytes `encodeSegment` needs in its buffer for so many sealed bytes. */
export function segmentBufferBytes(sealedBytes: number, { k, n }: Code): number {
  return (k === 1 ? 1 : n) * paddedFragmentBytes(sealedBytes, k);
}

/** Cells of the parity part of the buffer for one stripe, laid out like the data part. */
function parityCells(parity: Uint8Array, code: Code, fragmentBytes: number, stripe: number): Uint8Array[] {
  return segmentCells(parity, code.n - code.k, fragmentBytes, stripe);
}

/** Cells by fragment and stripe: all the data and parity cells, or the masked copies. */
function codeCells(
  context: CodecContext,
  segmentId: Uint8Array,
  code: Code,
  fragmentBytes: number,
  buffer: Uint8Array,
): Uint8Array[][] {
  const cells: Uint8Array[][] = Array.from({ length: code.n }, () => []);
  const data = buffer.subarray(0, code.k * fragmentBytes);
  const parity = buffer.subarray(code.k * fragmentBytes);
  for (let stripe = 0; stripe < stripeCount(fragmentBytes); stripe++) {
    const dataCells = segmentCells(data, code.k, fragmentBytes, stripe);
    if (code.k === 1) {
      const [copy] = dataCells;
      assert.ok(copy !== undefined);
      for (const [index, column] of cells.entries()) {
        column.push(maskCell(context.maskKey, { account: context.account, segmentId, index }, stripe, copy));
      }
      continue;
    }
    const coded = parityCells(parity, code, fragmentBytes, stripe);
    if (coded.length > 0) coderFor(code).encode(dataCells, coded);
    for (const [index, cell] of [...dataCells, ...coded].entries()) cells[index]?.push(cell);
  }
  return cells;
}

/**
 * Codes a segment whose sealed bytes lie at the start of `buffer` (`segmentBufferBytes` long); the rest of the buffer
 * is overwritten by padding and parity, and stays in use as long as the result is.
 */
export function encodeSegment(
  context: CodecContext,
  segment: { readonly segmentId: Uint8Array; readonly sealedBytes: number; readonly code: Code },
  buffer: Uint8Array,
): CodedSegment {
  const { segmentId, sealedBytes, code } = segment;
  const fragmentBytes = paddedFragmentBytes(sealedBytes, code.k);
  const dataBytes = code.k * fragmentBytes;
  assert.ok(buffer.length >= segmentBufferBytes(sealedBytes, code));
  if (dataBytes > sealedBytes) {
    buffer.set(segmentPadding(context.maskKey, segmentId, dataBytes - sealedBytes), sealedBytes);
  }
  const used = buffer.subarray(0, segmentBufferBytes(sealedBytes, code));
  const cells = codeCells(context, segmentId, code, fragmentBytes, used);
  const roots = cells.map((column) => fragmentRoot(column.map(context.hash), fragmentBytes, context.hash));
  const { account } = context;
  return {
    segmentId,
    code,
    fragmentBytes,
    segmentRoot: segmentRoot({ account, segmentId, k: code.k, n: code.n, fragmentBytes, roots }, context.hash),
    header: (index) => ({ key: { account, segmentId, index }, k: code.k, n: code.n, fragmentBytes, roots }),
    body: (index) => {
      const column = cells[index];
      assert.ok(column !== undefined);
      return column;
    },
  };
}

/** Cells of some stripes of one fragment, as a holder sent them; already checked against the fragment's root. */
export interface FetchedColumn {
  readonly index: number;
  readonly cells: readonly Uint8Array[];
  /** Frees the cells' memory; may be called once nobody reads them, or what was decoded from them, any more. */
  readonly release?: () => void;
}

/**
 * Rebuilds the data cells of stripes [firstStripe, firstStripe + count) from at least k columns: by stripe, then by
 * shard. What is there already is not copied; `memory` gives room for what is rebuilt, which is written over whole.
 */
export function decodeStripes(
  context: CodecContext,
  segment: { readonly segmentId: Uint8Array; readonly code: Code; readonly fragmentBytes: number },
  stripes: { readonly first: number; readonly count: number },
  columns: readonly FetchedColumn[],
  memory: (sizeBytes: number) => Uint8Array = (sizeBytes) => new Uint8Array(sizeBytes),
): Uint8Array[][] {
  const { code, segmentId, fragmentBytes } = segment;
  if (code.k === 1) {
    const [copy] = columns;
    assert.ok(copy !== undefined);
    const key = { account: context.account, segmentId, index: copy.index };
    return copy.cells.map((cell, at) => [maskCell(context.maskKey, key, stripes.first + at, cell)]);
  }
  const byIndex = new Map(columns.map((column) => [column.index, column.cells]));
  const missing = Array.from({ length: code.k }, (_, shard) => shard).filter((shard) => !byIndex.has(shard));
  const rebuilt = memory(missing.length * stripes.count * cellBytes);
  return Array.from({ length: stripes.count }, (_, at) => {
    const shards = Array.from({ length: code.n }, (__, index) => byIndex.get(index)?.[at]);
    if (missing.length > 0) {
      const length = cellLength(fragmentBytes, stripes.first + at);
      const out = missing.map((__, place) => {
        const start = (at * missing.length + place) * cellBytes;
        return rebuilt.subarray(start, start + length);
      });
      coderFor(code).reconstruct(shards, missing, out);
      for (const [place, shard] of missing.entries()) shards[shard] = out[place];
    }
    return shards.slice(0, code.k).map((cell) => {
      assert.ok(cell !== undefined);
      return cell;
    });
  });
}
