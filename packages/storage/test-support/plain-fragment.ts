/**
 * docs/spec/fragment.md written down a second time, rule by rule and byte by byte, with nothing of src: what the
 * vectors are held against, so that they show errors and not only changes.
 */
import { createCipheriv, createHmac } from "node:crypto";
import { plainShard } from "@piccolo/erasure/plain-code";
import type { BytesPart, FragmentOperation } from "./fragment-vector.ts";
import { plainBlake3 } from "./plain-blake3.ts";

const cellBytes = 65_536;
const longestBytes = 8_388_608;

class Refused extends Error {}

const bytesOfHex = (hex: string): Buffer => Buffer.from(hex, "hex");
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const ascii = (text: string): Buffer => Buffer.from(text, "ascii");
const u8 = (value: number): Buffer => Buffer.of(value);
const hash = (...parts: readonly Uint8Array[]): Buffer => Buffer.from(plainBlake3(Buffer.concat(parts)));

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function bytesOfParts(parts: readonly BytesPart[]): Buffer {
  return Buffer.concat(
    parts.flatMap((part) =>
      typeof part === "string" ? [bytesOfHex(part)] : Array<Buffer>(part.count).fill(bytesOfHex(part.repeat)),
    ),
  );
}

/** F2, with whole numbers only. */
function fragmentLength(sealedBytes: number, k: number): number {
  let m = 64;
  while (m * k < sealedBytes) m++;
  const bitsAbove = (value: number): number => value.toString(2).length - 1;
  const e = bitsAbove(m);
  const b = bitsAbove(e) + 1;
  const step = 2 ** (e - b);
  let length = 0;
  while (length < m) length += step;
  return length;
}

/** Section 2: HKDF by its two HMACs (RFC 5869), and counter mode by single blocks. */
function keystream(maskKey: Uint8Array, info: Uint8Array, from: number, lengthBytes: number): Buffer {
  const extracted = createHmac("sha256", Buffer.alloc(32)).update(maskKey).digest();
  const key = createHmac("sha256", extracted).update(info).update(u8(1)).digest();
  const firstBlock = Math.floor(from / 16);
  const counters = Buffer.alloc(16 * (Math.ceil((from + lengthBytes) / 16) - firstBlock));
  for (let at = 0; at < counters.length; at += 16) counters.writeUInt32BE(firstBlock + at / 16, at + 12);
  const blocks = createCipheriv("aes-256-ecb", key, null).setAutoPadding(false).update(counters);
  return blocks.subarray(from - 16 * firstBlock, from - 16 * firstBlock + lengthBytes);
}

const padding = (maskKey: Uint8Array, segmentId: Uint8Array, lengthBytes: number): Buffer =>
  keystream(maskKey, Buffer.concat([ascii("piccolo segment padding v1"), segmentId]), 0, lengthBytes);

function masked(
  maskKey: Uint8Array,
  segmentId: Uint8Array,
  index: number,
  from: number,
  bytes: Uint8Array,
): Uint8Array {
  const info = Buffer.concat([ascii("piccolo copy mask v1"), segmentId, u8(index)]);
  const mask = keystream(maskKey, info, from, bytes.length);
  return bytes.map((byte, at) => byte ^ (mask[at] ?? 0));
}

function cellsOf(bytes: Uint8Array): Uint8Array[] {
  const cells: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += cellBytes) cells.push(bytes.subarray(at, at + cellBytes));
  return cells;
}

const leavesOf = (fragment: Uint8Array): Buffer[] => cellsOf(fragment).map((cell) => hash(cell));

/** F8: the node over the leaves `from` to `to`. A tree cut at the largest power of two is the one built by levels. */
function node(leaves: readonly Uint8Array[], from: number, to: number): Uint8Array {
  const only = leaves[from];
  if (only !== undefined && to - from === 1) return only;
  const cut = from + leftLeaves(to - from);
  return hash(node(leaves, from, cut), node(leaves, cut, to));
}

function leftLeaves(count: number): number {
  let left = 1;
  while (2 * left < count) left *= 2;
  return left;
}

/** F10, from the top down and turned round. */
function pathOf(leaves: readonly Uint8Array[], cell: number, from = 0, to = leaves.length): Uint8Array[] {
  if (to - from === 1) return [];
  const cut = from + leftLeaves(to - from);
  return cell < cut
    ? [...pathOf(leaves, cell, from, cut), node(leaves, cut, to)]
    : [...pathOf(leaves, cell, cut, to), node(leaves, from, cut)];
}

/** The top that a leaf and its path give, or undefined where the path has not the length that the shape asks for. */
function topOf(leaf: Uint8Array, path: readonly Uint8Array[], cell: number, count: number): Uint8Array | undefined {
  if (count === 1) return path.length === 0 ? leaf : undefined;
  const sibling = path.at(-1);
  if (sibling === undefined) return undefined;
  const left = leftLeaves(count);
  const isLeft = cell < left;
  const below = topOf(leaf, path.slice(0, -1), isLeft ? cell : cell - left, isLeft ? left : count - left);
  if (below === undefined) return undefined;
  return isLeft ? hash(below, sibling) : hash(sibling, below);
}

const rootOfTop = (fragmentBytes: number, top: Uint8Array): Buffer =>
  hash(ascii("piccolo fragment root v1"), u32(fragmentBytes), top);

const rootOf = (fragmentBytes: number, leaves: readonly Uint8Array[]): Buffer =>
  rootOfTop(fragmentBytes, node(leaves, 0, leaves.length));

interface Segment {
  readonly account: Uint8Array;
  readonly segmentId: Uint8Array;
  readonly k: number;
  readonly n: number;
  readonly fragmentBytes: number;
  readonly roots: readonly Uint8Array[];
}

/** F11. */
function segmentRoot({ account, segmentId, k, n, fragmentBytes, roots }: Segment): Buffer {
  return hash(ascii("piccolo segment root v1"), account, segmentId, u8(k), u8(n), u32(fragmentBytes), ...roots);
}

/** F3 to F7: all fragments of a segment. */
function fragmentsOf(
  { maskKey, segmentId, k, n }: Pick<Segment, "segmentId" | "k" | "n"> & { readonly maskKey: Uint8Array },
  sealed: Uint8Array,
): Uint8Array[] {
  const fragmentBytes = fragmentLength(sealed.length, k);
  const padded = Buffer.concat([sealed, padding(maskKey, segmentId, k * fragmentBytes - sealed.length)]);
  if (k === 1) return Array.from({ length: n }, (_, index) => masked(maskKey, segmentId, index, 0, padded));
  const columns = Array.from({ length: n }, (): Uint8Array[] => []);
  for (let stripe = 0; stripe * cellBytes < fragmentBytes; stripe++) {
    const length = Math.min(cellBytes, fragmentBytes - stripe * cellBytes);
    const start = stripe * k * cellBytes;
    const data = Array.from({ length: k }, (_, at) => padded.subarray(start + at * length, start + (at + 1) * length));
    for (const [index, column] of columns.entries()) column.push(data[index] ?? plainShard({ k, n }, data, index));
  }
  return columns.map((column) => Buffer.concat(column));
}

/** F12 and F13. */
function headerOf(bytes: Buffer): Segment & { readonly index: number } {
  if (bytes.length < 56) throw new Refused();
  const [format, index = 0, k = 0, n = 0] = [bytes[0], bytes[49], bytes[50], bytes[51]];
  const fragmentBytes = bytes.readUInt32BE(52);
  if (format !== 1 || k === 0 || k > n || index >= n) throw new Refused();
  if (fragmentBytes === 0 || fragmentBytes > longestBytes || bytes.length !== 56 + 32 * n) throw new Refused();
  const roots = Array.from({ length: n }, (_, at) => bytes.subarray(56 + 32 * at, 88 + 32 * at));
  return { account: bytes.subarray(1, 33), segmentId: bytes.subarray(33, 49), index, k, n, fragmentBytes, roots };
}

/** F15 and F16. */
function fileOf(file: Buffer): Readonly<Record<string, unknown>> {
  if (file.length < 5 || file[0] !== 1) throw new Refused();
  const headerBytes = file.readUInt32BE(1);
  if (headerBytes > 10_240 || file.length < 5 + headerBytes) throw new Refused();
  const { index, fragmentBytes } = headerOf(file.subarray(5, 5 + headerBytes));
  const cells = Math.ceil(fragmentBytes / cellBytes);
  const bodyOffset = 5 + headerBytes + 32 * cells;
  if (file.length < bodyOffset) throw new Refused();
  const leaves = Array.from({ length: cells }, (_, at) =>
    hexOf(file.subarray(5 + headerBytes + 32 * at, 5 + headerBytes + 32 * (at + 1))),
  );
  return { index, fragmentBytes, leaves, bodyOffset };
}

function result(vector: FragmentOperation): Readonly<Record<string, unknown>> {
  switch (vector.operation) {
    case "fragment-length":
      return { fragmentBytes: fragmentLength(vector.input.sealedBytes, vector.input.k) };
    case "padding": {
      const { maskKey, segmentId, lengthBytes } = vector.input;
      return { bytes: hexOf(padding(bytesOfHex(maskKey), bytesOfHex(segmentId), lengthBytes)) };
    }
    case "mask-cell": {
      const { maskKey, segmentId, index, cell, bytes } = vector.input;
      const from = cell * cellBytes;
      return { bytes: hexOf(masked(bytesOfHex(maskKey), bytesOfHex(segmentId), index, from, bytesOfHex(bytes))) };
    }
    case "fragment-root": {
      const fragment = bytesOfParts(vector.input.fragment);
      const leaves = leavesOf(fragment);
      return { leaves: leaves.map(hexOf), root: hexOf(rootOf(fragment.length, leaves)) };
    }
    case "merkle-path":
      return { path: pathOf(leavesOf(bytesOfParts(vector.input.fragment)), vector.input.cell).map(hexOf) };
    case "verify-path": {
      const { leaf, cell, path, fragmentBytes, root } = vector.input;
      const cells = Math.ceil(fragmentBytes / cellBytes);
      if (cell >= cells) return { valid: false };
      const top = topOf(bytesOfHex(leaf), path.map(bytesOfHex), cell, cells);
      return { valid: top !== undefined && hexOf(rootOfTop(fragmentBytes, top)) === root };
    }
    case "encode-segment": {
      const { k, n } = vector.input;
      const account = bytesOfHex(vector.input.account);
      const segmentId = bytesOfHex(vector.input.segmentId);
      const maskKey = bytesOfHex(vector.input.maskKey);
      const fragments = fragmentsOf({ maskKey, segmentId, k, n }, bytesOfParts(vector.input.sealed));
      const fragmentBytes = fragments[0]?.length ?? 0;
      const roots = fragments.map((fragment) => rootOf(fragmentBytes, leavesOf(fragment)));
      const root = segmentRoot({ account, segmentId, k, n, fragmentBytes, roots });
      return { fragmentBytes, roots: roots.map(hexOf), segmentRoot: hexOf(root) };
    }
    case "decode-header": {
      const header = headerOf(bytesOfParts(vector.input.header));
      const { index, k, n, fragmentBytes, roots } = header;
      const names = { account: hexOf(header.account), segmentId: hexOf(header.segmentId) };
      return { ...names, index, k, n, fragmentBytes, roots: roots.map(hexOf), segmentRoot: hexOf(segmentRoot(header)) };
    }
    case "check-body": {
      const { index, fragmentBytes, roots } = headerOf(bytesOfParts(vector.input.header));
      const body = bytesOfParts(vector.input.body);
      if (body.length !== fragmentBytes) return { proven: false };
      return { proven: hexOf(rootOf(fragmentBytes, leavesOf(body))) === hexOf(roots[index] ?? new Uint8Array(0)) };
    }
    case "read-file":
      return fileOf(bytesOfParts(vector.input.file));
    default:
      return vector satisfies never;
  }
}

/** What the specification says to a vector, in the form of its `expect`. */
export function plainAnswerOf(vector: FragmentOperation): Readonly<Record<string, unknown>> {
  try {
    return result(vector);
  } catch (error) {
    if (error instanceof Refused) return { fault: "malformed" };
    throw error;
  }
}
