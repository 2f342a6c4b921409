import { ByteReader, ByteWriter, malformed } from "@piccolo/bytes";
import { type FragmentHeader, hashBytes, maxSegmentBytes, segmentIdBytes } from "./format.ts";

const format = 1;

export function encodeHeader(header: FragmentHeader): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter()
    .u8(format)
    .fixed(header.key.account, 32)
    .fixed(header.key.segmentId, segmentIdBytes)
    .u8(header.key.index)
    .u8(header.k)
    .u8(header.n)
    .u32(header.fragmentBytes);
  for (const root of header.roots) writer.fixed(root, hashBytes);
  return writer.finish();
}

/** Strict: any deviation from docs/spec/fragment.md is `malformed`. The result owns its bytes. */
export function decodeHeader(bytes: Uint8Array): FragmentHeader {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== format) throw malformed("the fragment header has an unknown format");
  const account = reader.fixed(32).slice();
  const segmentId = reader.fixed(segmentIdBytes).slice();
  const index = reader.u8();
  const k = reader.u8();
  const n = reader.u8();
  const fragmentBytes = reader.u32();
  if (k < 1 || k > n || index >= n) throw malformed(`fragment ${index} of a ${k}-of-${n} code is impossible`);
  if (fragmentBytes < 1 || fragmentBytes > maxSegmentBytes) throw malformed("the fragment's length is out of bounds");
  const roots = Array.from({ length: n }, () => reader.fixed(hashBytes).slice());
  reader.end();
  return { key: { account, segmentId, index }, k, n, fragmentBytes, roots };
}
