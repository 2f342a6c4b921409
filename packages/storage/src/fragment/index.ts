/** What a fragment is: layout, Merkle roots, header and mask (docs/spec/fragment.md). Pure. */
export {
  cellBytes,
  type FragmentHash,
  type FragmentHeader,
  type FragmentKey,
  hashBytes,
  maxSegmentBytes,
  segmentIdBytes,
} from "./format.ts";
export { decodeHeader, encodeHeader } from "./header.ts";
export {
  cellCount,
  cellLength,
  fragmentCells,
  paddedFragmentBytes,
  segmentCells,
  stripeCount,
  stripesOf,
} from "./layout.ts";
export { maskCell, segmentPadding } from "./mask.ts";
export { fragmentRoot, merklePath, segmentRoot, verifyMerklePath } from "./merkle.ts";
