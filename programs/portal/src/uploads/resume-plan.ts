/**
 * Which parts of a chosen file are hashed to find out whether it is the one an unfinished upload began with, and how
 * the hashes are handed over.
 */
export interface SegmentRange {
  readonly index: number;
  readonly start: number;
  readonly end: number;
}

export interface CheckBatch {
  readonly fromSegment: number;
  readonly segments: readonly SegmentRange[];
}

/** Few enough bytes that progress moves and a wrong file is noticed early. */
const batchSegmentsMax = 16;

/** One batch for the first segment alone: a wrong file nearly always differs there. */
export function planCheck(segmentBytes: readonly number[]): readonly CheckBatch[] {
  let start = 0;
  const ranges = segmentBytes.map((bytes, index) => {
    const range = { index, start, end: start + bytes };
    start = range.end;
    return range;
  });
  const batches: CheckBatch[] = [];
  for (let from = 0; from < ranges.length;) {
    const segments = ranges.slice(from, from + (from === 0 ? 1 : batchSegmentsMax));
    batches.push({ fromSegment: from, segments });
    from += segments.length;
  }
  return batches;
}

export const checkedBytes = (segmentBytes: readonly number[]): number =>
  segmentBytes.reduce((sum, bytes) => sum + bytes, 0);
