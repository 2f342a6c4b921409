import assert from "node:assert/strict";
import { cellBytes, maxSegmentBytes } from "./format.ts";

const leastFragmentBytes = 64;

/**
 * The length of each of a segment's fragments: the k-th part, rounded up to a size class so that lengths tell little
 * about contents. The classes are those of Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and
 * Communication with PURBs", 2019): a length keeps only as many leading bits as its exponent has bits, which costs
 * less than 12 percent and far less for long ones.
 */
export function paddedFragmentBytes(sealedBytes: number, k: number): number {
  assert.ok(Number.isInteger(sealedBytes) && sealedBytes > 0 && sealedBytes <= maxSegmentBytes);
  const least = Math.max(leastFragmentBytes, Math.ceil(sealedBytes / k));
  const exponent = Math.floor(Math.log2(least));
  const kept = Math.floor(Math.log2(exponent)) + 1;
  const step = 2 ** (exponent - kept);
  return Math.ceil(least / step) * step;
}

/** Cells of one fragment, which is the number of stripes of its segment. */
export function cellCount(fragmentBytes: number): number {
  return Math.ceil(fragmentBytes / cellBytes);
}

/** Length of the cells in one stripe: all are `cellBytes` but those of the last, which are the rest. */
export function cellLength(fragmentBytes: number, stripe: number): number {
  return Math.min(cellBytes, fragmentBytes - stripe * cellBytes);
}

export function stripeCount(fragmentBytes: number): number {
  return cellCount(fragmentBytes);
}

/** The data cells of one stripe, as views of the padded segment (k * fragmentBytes long), by shard index. */
export function segmentCells(segment: Uint8Array, k: number, fragmentBytes: number, stripe: number): Uint8Array[] {
  const length = cellLength(fragmentBytes, stripe);
  const start = stripe * k * cellBytes;
  return Array.from({ length: k }, (_, shard) =>
    segment.subarray(start + shard * length, start + (shard + 1) * length),
  );
}

/** The cells of a fragment that lies in one piece. */
export function fragmentCells(fragment: Uint8Array): Uint8Array[] {
  return Array.from({ length: cellCount(fragment.length) }, (_, stripe) =>
    fragment.subarray(stripe * cellBytes, stripe * cellBytes + cellLength(fragment.length, stripe)),
  );
}

/** The stripes [first, end) that segment bytes [start, end) lie in. */
export function stripesOf(
  range: { readonly start: number; readonly end: number },
  k: number,
  fragmentBytes: number,
): { readonly first: number; readonly end: number } {
  assert.ok(range.start >= 0 && range.start < range.end && range.end <= k * fragmentBytes);
  const stripeBytes = k * cellBytes;
  const last = stripeCount(fragmentBytes);
  return {
    first: Math.min(last - 1, Math.floor(range.start / stripeBytes)),
    end: Math.min(last, Math.ceil(range.end / stripeBytes)),
  };
}
