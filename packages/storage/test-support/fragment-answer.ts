import { concat, fromHex, toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import {
  decodeHeader,
  encodeHeader,
  fragmentCells,
  fragmentRoot,
  maskCell,
  merklePath,
  paddedFragmentBytes,
  segmentPadding,
  segmentRoot,
  verifyMerklePath,
} from "../src/fragment/index.ts";
import { decodePreamble, encodePreamble, provenLeaves } from "../src/holder/fragment-file.ts";
import { encodeSegment, segmentBufferBytes } from "../src/owner/segment-codec.ts";
import type { BytesPart, FragmentOperation } from "./fragment-vector.ts";
import { hash } from "./small-network.ts";

export function bytesOf(parts: readonly BytesPart[]): Uint8Array {
  return concat(...parts.map((part) => fromHex(typeof part === "string" ? part : part.repeat.repeat(part.count))));
}

function hexOf(bytes: Uint8Array): string {
  return toHex(new Uint8Array(bytes));
}

function result(vector: FragmentOperation): Readonly<Record<string, unknown>> {
  switch (vector.operation) {
    case "fragment-length":
      return { fragmentBytes: paddedFragmentBytes(vector.input.sealedBytes, vector.input.k) };
    case "padding": {
      const { maskKey, segmentId, lengthBytes } = vector.input;
      return { bytes: hexOf(segmentPadding(fromHex(maskKey), fromHex(segmentId), lengthBytes)) };
    }
    case "mask-cell": {
      const { maskKey, segmentId, index, cell, bytes } = vector.input;
      const key = { account: new Uint8Array(32), segmentId: fromHex(segmentId), index };
      return { bytes: hexOf(maskCell(fromHex(maskKey), key, cell, fromHex(bytes))) };
    }
    case "fragment-root": {
      const fragment = bytesOf(vector.input.fragment);
      const leaves = fragmentCells(fragment).map(hash);
      return { leaves: leaves.map(hexOf), root: hexOf(fragmentRoot(leaves, fragment.length, hash)) };
    }
    case "merkle-path": {
      const leaves = fragmentCells(bytesOf(vector.input.fragment)).map(hash);
      return { path: merklePath(leaves, vector.input.cell, hash).map(hexOf) };
    }
    case "verify-path": {
      const { leaf, cell, path, fragmentBytes, root } = vector.input;
      const proof = { leaf: fromHex(leaf), index: cell, path: path.map(fromHex), fragmentBytes, root: fromHex(root) };
      return { valid: verifyMerklePath(proof, hash) };
    }
    case "encode-segment": {
      const { account, maskKey, segmentId, k, n } = vector.input;
      const sealed = bytesOf(vector.input.sealed);
      const buffer = new Uint8Array(segmentBufferBytes(sealed.length, { k, n }));
      buffer.set(sealed);
      const coded = encodeSegment(
        { account: fromHex(account), maskKey: fromHex(maskKey), hash },
        { segmentId: fromHex(segmentId), sealedBytes: sealed.length, code: { k, n } },
        buffer,
      );
      const { fragmentBytes } = coded;
      return { fragmentBytes, roots: coded.header(0).roots.map(hexOf), segmentRoot: hexOf(coded.segmentRoot) };
    }
    case "decode-header": {
      const bytes = bytesOf(vector.input.header);
      const header = decodeHeader(bytes);
      if (toHex(encodeHeader(header)) !== toHex(bytes)) throw new Error("the header has a second form");
      const { key, k, n, fragmentBytes, roots } = header;
      const { account, segmentId, index } = key;
      return {
        account: toHex(account),
        segmentId: toHex(segmentId),
        index,
        k,
        n,
        fragmentBytes,
        roots: roots.map(hexOf),
        segmentRoot: hexOf(segmentRoot({ account, segmentId, k, n, fragmentBytes, roots }, hash)),
      };
    }
    case "check-body": {
      const header = decodeHeader(bytesOf(vector.input.header));
      return { proven: provenLeaves(header, bytesOf(vector.input.body), hash) !== undefined };
    }
    case "read-file": {
      const file = bytesOf(vector.input.file);
      const { header, headerBytes, leaves, bodyOffset } = decodePreamble(file);
      if (toHex(encodePreamble(headerBytes, leaves)) !== toHex(file.subarray(0, bodyOffset))) {
        throw new Error("the file has a second form");
      }
      const { key, fragmentBytes } = header;
      return { index: key.index, fragmentBytes, leaves: leaves.map(hexOf), bodyOffset };
    }
    default:
      return vector satisfies never;
  }
}

/** What this implementation answers to a vector, in the form of its `expect`. */
export function answerOf(vector: FragmentOperation): Readonly<Record<string, unknown>> {
  try {
    return result(vector);
  } catch (error) {
    if (!isFault(error)) throw error;
    return { fault: error.code };
  }
}
