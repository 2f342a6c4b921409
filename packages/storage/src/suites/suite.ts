import type { TestContext } from "node:test";

/** Makes a fresh adapter for one test; what it opens it closes with `context.after`. */
export type Make<T> = (context: TestContext) => T | Promise<T>;

/** Bytes that differ from place to place, so that a shifted read is noticed. */
export function pattern(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8) * 7 + seed * 101) & 255);
}

/** An id of `length` bytes whose order is that of the number. */
export function id(length: number, number: number): Uint8Array {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(length - 4, number);
  return bytes;
}
