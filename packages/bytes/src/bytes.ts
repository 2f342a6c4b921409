import { timingSafeEqual } from "node:crypto";
import { malformed } from "./reader.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function toUtf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Throws `malformed` where the bytes are not UTF-8; nothing is replaced silently. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw malformed("the text is not UTF-8", cause);
  }
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/**
 * Frees the memory of bytes that nobody reads any more, where they are all that lies in it. The collector weighs the
 * objects and not the memory behind them: a stream's buffers left to it pile up until it walks through the whole heap.
 * Discarding again does nothing.
 */
export function discard(bytes: Uint8Array): void {
  const { buffer } = bytes;
  const isAll = bytes.length > 0 && bytes.length === buffer.byteLength;
  if (isAll && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** Compares secrets: the time depends on the lengths, never on the contents. */
export function equalConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
